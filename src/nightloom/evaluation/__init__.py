"""How good a trained model is: figures, tables and plots, all from arrays."""
