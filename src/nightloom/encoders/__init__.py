"""Encoders of the BERT family in Keras 3, read from and written to Hugging Face checkpoints."""
