"""Spellings of labels and tags, and the class or entity each means."""
