"""Encoders of the BERT family: checkpoints in Hugging Face format in, Keras 3 layers, and back."""
