"""Training: batches of few shapes, a compiled step, checkpoints inside the epoch."""
