"""Our classification head, expressed as the heads of Hugging Face models.

Ours is: pooled vector → dense. Theirs have another dense layer with a nonlinear activation in
between, which is used where it is linear: tanh near 0, relu and gelu far above 0. Their pooled
vector is that of the first token; `averaging` moves the average of all tokens there.
"""

import math

import numpy as np

State = dict[str, np.ndarray]

_STRAIGHT = 2.0**-13
"""tanh(_STRAIGHT * x) is _STRAIGHT * x to the rounding of float32 for |x| < 7, to 1e-5 for
|x| < 45; an x below 1 keeps three decimals in float16."""
_BENT = 2.0**-10
"""Where tanh is no longer linear for values of layer-normed vectors."""
_STRAIGHT_FROM = {"relu": np.float32(0), "gelu": np.float32(6)}
_LARGEST = float(np.finfo(np.float16).max)


def tanh_head(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, ...]:
    """A dense head on vectors [n, hidden] as dense layer, tanh, dense layer.

    Returns kernel and bias of the first layer, then of the second (kernels as [inputs, units]). The
    first makes each component small enough for tanh to be linear, but not so small that the second
    one's compensating weights overflow float16 (for weights up to 64).
    """
    with np.errstate(divide="ignore"):
        needed = 2.0 ** np.ceil(np.log2(np.abs(kernel).max(axis=1) / _LARGEST))
    scale = np.clip(needed, _STRAIGHT, _BENT).astype(np.float32)
    return np.diag(scale), np.zeros(len(kernel), np.float32), kernel / scale[:, None], bias


def ramp_head(
    kernel: np.ndarray, bias: np.ndarray, *, gamma: np.ndarray, beta: np.ndarray, bend: str
) -> tuple[np.ndarray, ...]:
    """Like `tanh_head`, with relu or gelu in between.

    If there is room, the logits and their negatives go through it, and the second layer takes the
    difference, which is exact: bend(x) - bend(-x) = x. Else the vectors, which come from a layer
    norm with `gamma` and `beta`, are shifted to where it is linear (a normalised value is at most
    sqrt(n - 1) in size, for width n).
    """
    hidden, labels = kernel.shape
    if 2 * labels <= hidden:
        inner = np.zeros((hidden, hidden), np.float32)
        inner[:, :labels], inner[:, labels : 2 * labels] = kernel, -kernel
        outer = np.zeros((hidden, labels), np.float32)
        outer[:labels], outer[labels : 2 * labels] = np.eye(labels), -np.eye(labels)
        return inner, np.zeros(hidden, np.float32), outer, bias
    lift = np.abs(gamma) * np.float32(math.sqrt(hidden)) + np.abs(beta) + _STRAIGHT_FROM[bend]
    lowered = (bias - lift.astype(np.float64) @ kernel).astype(np.float32)
    return np.eye(hidden, dtype=np.float32), lift, kernel, lowered
