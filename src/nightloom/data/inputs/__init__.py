"""Texts for prediction, from files read as in training."""
