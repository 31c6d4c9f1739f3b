"""The gate: may a new model take the place of the champion? Numbers in, a verdict out."""
