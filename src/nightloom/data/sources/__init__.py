"""Sources of rows: one module per kind, and how their parts become splits."""
