"""From an open source to train, valid and test on disk."""
