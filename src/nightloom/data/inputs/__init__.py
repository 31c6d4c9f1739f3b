"""Texts to be predicted on, from files as training reads them."""
