"""Near-duplicates: rows that are versions of one text, found by MinHash without comparing all."""
