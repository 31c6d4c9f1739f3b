"""What an operator reads: run reports as markdown, charts as Mermaid, rows for tables."""
