"""How files are written: one file a format, from bytes to rows and tagged sentences."""
