"""The label of a piece that has none: nothing is learnt from it, and nothing is counted."""

IGNORED = -100
