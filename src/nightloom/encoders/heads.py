"""Our classification head, put in terms of the heads that Hugging Face models have.

Ours is: pooled vector → dense. Theirs have one more dense map with a bent function in between,
which is used where it is straight: tanh near 0, relu and gelu far above 0. Their pooled vector is
that of the first token; `averaging_layer` adds a layer that brings the average of all tokens there.
"""

import math
from dataclasses import replace

import numpy as np

from nightloom.encoders.config import EncoderConfig
from nightloom.errors import InputError

State = dict[str, np.ndarray]

_STRAIGHT = 2.0**-13
"""tanh(_STRAIGHT * x) is _STRAIGHT * x to the rounding of float32 for |x| < 7, to 1e-5 for
|x| < 45; an x below 1 keeps three decimals in float16."""
_BENT = 2.0**-10
"""Where tanh is no longer straight for the values of layer-normed vectors."""
_STRAIGHT_FROM = {"relu": np.float32(0), "gelu": np.float32(6)}
_LARGEST = float(np.finfo(np.float16).max)

_FADED = 2.0**-80
"""Scale of the residual stream of the averaging layer, next to which only the average is seen."""
_AVERAGE = 2.0**-40
"""Scale of the average inside that layer: its variance is far below every layer norm's epsilon."""


def tanh_head(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, ...]:
    """A dense head on vectors [n, hidden] as dense map, tanh, dense map.

    Returns kernel and bias of the first map, then of the second (kernels as [inputs, units]). The
    first makes each component small enough for tanh to be straight, but no smaller than lets the
    second one's weights, which make up for it, stay numbers of float16 (up to weights of 64).
    """
    with np.errstate(divide="ignore"):
        needed = 2.0 ** np.ceil(np.log2(np.abs(kernel).max(axis=1) / _LARGEST))
    scale = np.clip(needed, _STRAIGHT, _BENT).astype(np.float32)
    return np.diag(scale), np.zeros(len(kernel), np.float32), kernel / scale[:, None], bias


def ramp_head(
    kernel: np.ndarray, bias: np.ndarray, *, gamma: np.ndarray, beta: np.ndarray, bend: str
) -> tuple[np.ndarray, ...]:
    """As `tanh_head` with relu or gelu in between.

    Where there is room, the logits and their negatives go through it, and the second map takes the
    difference, which is exact: bend(x) - bend(-x) = x. Else the vectors, which come from a layer
    norm with `gamma` and `beta`, are lifted to where it is straight (a normed value is at most
    sqrt(n - 1) in size, n being the width).
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


def averaging_room(hidden: int, bend: str) -> int:
    """How many labels an averaging layer has room for, under a head that bends by tanh or not."""
    return hidden - 1 if bend == "tanh" else hidden // 2


def averaging_layer(
    config: EncoderConfig, state: State, kernel: np.ndarray, *, room: int
) -> tuple[EncoderConfig, State, np.ndarray]:
    """An encoder with one layer more, whose every token then holds `mean @ kernel`.

    state: weights by stable name (`encoder_state`); kernel: [hidden, labels]. Returns the new
    configuration and state, and the kernel [hidden, labels] that picks the result.

    Queries and keys of the new layer are 0: every token looks at all real tokens alike, that is,
    attention gives their mean, and the values are already the logits. What stands in the way is
    made too small to matter, by powers of two, which are exact: the residual stream by the layer
    norm below, and the two layer norms of the layer itself by keeping the variance far below their
    epsilon, where a layer norm is linear but for the mean that it subtracts; one more component
    keeps that at 0. In float16 these scales do not exist; float32 and bfloat16 have them.

    Raises InputError where there are more labels than there is `room` for (`averaging_room`).
    """
    hidden, labels = kernel.shape
    if labels > room:
        raise InputError(
            f"export with pooling=mean has room for {room} labels in an encoder of width {hidden} "
            f"({config.family}), found {labels}; choose pooling=cls, or use the SavedModel"
        )
    out = _unshared(config, state)
    last, new = f"layer.{config.layers - 1}", f"layer.{config.layers}"
    for kind in ("gamma", "beta"):
        name = f"{last}.output_norm.{kind}"
        out[name] = out[name] * np.float32(_FADED)
    values = np.zeros((hidden, hidden), np.float32)
    values[:, :labels] = kernel * np.float32(_AVERAGE / _FADED)
    values[:, labels] = -values[:, :labels].sum(axis=1)
    unseen = np.zeros((hidden, 2 * hidden), np.float32)
    root = np.float32(math.sqrt(config.layer_norm_eps))
    out |= {
        f"{new}.qkv.kernel": np.concatenate([unseen, values], axis=1),
        f"{new}.qkv.bias": np.zeros(3 * hidden, np.float32),
        f"{new}.attention_output.kernel": np.eye(hidden, dtype=np.float32),
        f"{new}.attention_output.bias": np.zeros(hidden, np.float32),
        f"{new}.attention_norm.gamma": np.full(hidden, root, np.float32),
        f"{new}.attention_norm.beta": np.zeros(hidden, np.float32),
        f"{new}.up.kernel": np.zeros((hidden, config.intermediate_size), np.float32),
        f"{new}.up.bias": np.zeros(config.intermediate_size, np.float32),
        f"{new}.down.kernel": np.zeros((config.intermediate_size, hidden), np.float32),
        f"{new}.down.bias": np.zeros(hidden, np.float32),
        f"{new}.output_norm.gamma": np.full(hidden, root / np.float32(_AVERAGE), np.float32),
        f"{new}.output_norm.beta": np.zeros(hidden, np.float32),
    }
    longer = replace(config, layers=config.layers + 1, shared_layers=False)
    return longer, out, np.eye(hidden, labels, dtype=np.float32)


def _unshared(config: EncoderConfig, state: State) -> State:
    """The state with the weights of every layer under its own name."""
    if not config.shared_layers:
        return dict(state)
    out = {name: value for name, value in state.items() if not name.startswith("layer.0.")}
    for name, value in state.items():
        if name.startswith("layer.0."):
            rest = name.removeprefix("layer.0.")
            out |= {f"layer.{i}.{rest}": value for i in range(config.layers)}
    return out
