"""Keys against what runs: a trace of every builder, and edits one place at a time."""
