"""The quality of a trained model: metrics, tables and plots, all from arrays."""
