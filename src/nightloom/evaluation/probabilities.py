"""From scores to probabilities."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """float32 [n, classes] → probabilities, computed in float64."""
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    found: np.ndarray = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return found
