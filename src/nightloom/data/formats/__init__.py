"""File formats: one module per format, from bytes to rows and tagged sentences."""
