"""Where rows come from: one file a kind of source, and which part of it is which split."""
