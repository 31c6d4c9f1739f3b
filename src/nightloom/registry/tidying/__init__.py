"""Which versions are kept, and how the others go with all that belongs to them."""
