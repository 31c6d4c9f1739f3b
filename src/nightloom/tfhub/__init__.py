"""TF Hub models: download, inference, use in Keras 3, and export."""
