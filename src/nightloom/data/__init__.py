"""The data stage: from a source of rows to a data set on disk, split into train, valid and test."""

SPLITS = ("train", "valid", "test")
ROWS_PER_BATCH = 4096
BYTES_PER_BATCH = 16 << 20
