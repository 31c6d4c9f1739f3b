"""The `nightloom` command: the outermost layer. May import flows, lazily."""
