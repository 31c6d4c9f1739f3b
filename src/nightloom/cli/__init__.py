"""The command `nightloom`: the outermost ring. May import flows, lazily."""
