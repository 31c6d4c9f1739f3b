"""From what a source gives to train, valid and test on disk."""
