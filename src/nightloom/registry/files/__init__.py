"""The files of versions: stored, fetched, checked, and told where they lie."""
