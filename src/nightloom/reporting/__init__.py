"""What an operator reads: reports as markdown, curves as blocks, rows for tables."""
