"""The label of a piece without one: it is neither trained on nor scored."""

IGNORED = -100
