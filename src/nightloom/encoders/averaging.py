"""An encoder with extra layers after which every token holds the average over all tokens.

Heads of transformers' models see only the first token. An extra layer with zero queries and keys
makes every token attend equally to all real tokens, so attention returns their mean. What has to be
neutralised are the residual sums and layer norms around that attention.
"""

import math
from dataclasses import replace

import numpy as np

from nightloom.encoders.config import EncoderConfig
from nightloom.encoders.heads import State
from nightloom.encoders.names import weight_shapes
from nightloom.errors import InputError

_HEAVY = 2.0**14
"""Two components of this size and opposite signs dominate a layer norm, so that it divides by a
known value. Larger ones make that more exact, but leave fewer digits of a mean over them in
float32; float16 ends at 2^16."""
_NORM = ("gamma", "beta")
_FADED = 2.0**-80
"""Scale of the residual stream below a fading layer, small against the average."""
_AVERAGE = 2.0**-40
"""Scale of the average inside that layer: its variance is far below every layer norm's epsilon."""


def averaging_room(hidden: int, bend: str) -> int:
    """The maximum number of labels, for a head with or without tanh."""
    return hidden - 1 if bend == "tanh" else hidden // 2


def _in_float16(config: EncoderConfig, labels: int) -> bool:
    """Whether `averaging_layers` also works in float16: there is room for separate components."""
    return 2 * labels + 4 <= config.hidden_size and 2 * labels + 8 <= config.intermediate_size


def averaging_layers(
    config: EncoderConfig, state: State, kernel: np.ndarray, *, room: int
) -> tuple[EncoderConfig, State, np.ndarray]:
    """An encoder with one or two extra layers, after which every token holds `mean @ kernel`.

    state: weights by stable name (`encoder_state`); kernel: [hidden, labels]. Returns the new
    configuration and state, and the kernel [hidden, labels] that selects the result. Raises
    InputError if there are too many labels (`averaging_room`).
    """
    hidden, labels = kernel.shape
    if labels > room:
        raise InputError(
            f"export with pooling=mean has room for {room} labels in an encoder of width {hidden} "
            f"({config.family}), found {labels}; choose pooling=cls, or use the SavedModel"
        )
    add = _apart if _in_float16(config, labels) else _faded
    more, picked = add(config, state, kernel)
    layers = config.layers + (2 if add is _apart else 1)
    longer = replace(config, layers=layers, shared_layers=False)
    return longer, _unshared(config, state) | more, picked


def _apart(config: EncoderConfig, state: State, kernel: np.ndarray) -> tuple[State, np.ndarray]:
    """One layer that turns each token into its logits, and one that averages them.

    The first has no attention. The layer norm below it is made to pass normalised values, which
    this layer's first norm scales and shifts instead. Its feed-forward part is linear, because
    bend(x) - bend(-x) = x for every activation: it replaces the values by logits and heavy
    components, and the second norm keeps only the logits. In the second layer attention adds the
    mean of the logits next to them. The input of each norm always sums to 0, by means of extra
    components.
    """
    hidden, labels = kernel.shape
    span = math.sqrt(2 / hidden) * _HEAVY
    one, two = (f"layer.{config.layers + i}" for i in (0, 1))
    last = f"layer.{config.layers - 1}.output_norm"
    before = _unshared(config, state)
    logits, balance = slice(0, labels), labels
    heavy, rest = slice(labels + 1, labels + 3), labels + 3
    wanted = np.zeros((hidden, labels + 4), np.float32)
    """The new first components, as a linear map of the current ones."""
    wanted[:, logits] = kernel
    wanted[:, balance] = -kernel.sum(axis=1)
    wanted[labels + 4 :, rest] = -1
    added = wanted - np.eye(hidden, labels + 4, dtype=np.float32)
    up = np.zeros((hidden, config.intermediate_size), np.float32)
    down = np.zeros((config.intermediate_size, hidden), np.float32)
    for sign, start in ((1, 0), (-1, labels + 4)):
        up[:, start : start + labels + 4] = sign * added
        down[start : start + labels + 4, : labels + 4] = sign * np.eye(labels + 4)
    down_bias = np.zeros(hidden, np.float32)
    down_bias[heavy] = _HEAVY, -_HEAVY
    first = _empty_layer(config, one) | {
        f"{one}.attention_norm.gamma": before[f"{last}.gamma"],
        f"{one}.attention_norm.beta": before[f"{last}.beta"],
        f"{one}.up.kernel": up,
        f"{one}.down.kernel": down,
        f"{one}.down.bias": down_bias,
        f"{one}.output_norm.gamma": _ones(hidden, slice(0, labels + 1)) * np.float32(span),
    }
    beside, values = slice(labels + 1, 2 * labels + 2), np.zeros((hidden, hidden), np.float32)
    values[: labels + 1, beside] = np.eye(labels + 1)
    attended_bias = np.zeros(hidden, np.float32)
    attended_bias[2 * labels + 2 : 2 * labels + 4] = _HEAVY, -_HEAVY
    kept = _ones(hidden, slice(labels + 1, 2 * labels + 4)) * np.float32(span)
    second = _empty_layer(config, two) | {
        f"{two}.qkv.kernel": np.pad(values, ((0, 0), (2 * hidden, 0))),
        f"{two}.attention_output.kernel": np.eye(hidden, dtype=np.float32),
        f"{two}.attention_output.bias": attended_bias,
        f"{two}.attention_norm.gamma": kept,
        f"{two}.output_norm.gamma": kept * _ones(hidden, slice(labels + 1, 2 * labels + 1)),
    }
    normed = {
        f"{last}.gamma": np.ones(hidden, np.float32),
        f"{last}.beta": np.zeros(hidden, np.float32),
    }
    return normed | first | second, np.eye(hidden, labels, -labels - 1, dtype=np.float32)


def _faded(config: EncoderConfig, state: State, kernel: np.ndarray) -> tuple[State, np.ndarray]:
    """One layer that needs little room: its values are already the logits.

    Everything else is made negligibly small by powers of two, which are exact: the residual stream
    through the layer norm below, and the layer's own two norms by keeping the variance far below
    their epsilon, where a layer norm is linear except for subtracting the mean; an extra component
    keeps the mean at 0. These scales exist in float32 and bfloat16, but not in float16.
    """
    hidden, labels = kernel.shape
    before = _unshared(config, state)
    last, new = f"layer.{config.layers - 1}.output_norm", f"layer.{config.layers}"
    values = np.zeros((hidden, hidden), np.float32)
    values[:, :labels] = kernel * np.float32(_AVERAGE / _FADED)
    values[:, labels] = -values[:, :labels].sum(axis=1)
    root = np.float32(math.sqrt(config.layer_norm_eps))
    more = {f"{last}.{kind}": before[f"{last}.{kind}"] * np.float32(_FADED) for kind in _NORM}
    more |= _empty_layer(config, new) | {
        f"{new}.qkv.kernel": np.pad(values, ((0, 0), (2 * hidden, 0))),
        f"{new}.attention_output.kernel": np.eye(hidden, dtype=np.float32),
        f"{new}.attention_norm.gamma": np.full(hidden, root, np.float32),
        f"{new}.output_norm.gamma": np.full(hidden, root / np.float32(_AVERAGE), np.float32),
    }
    return more, np.eye(hidden, labels, dtype=np.float32)


def _empty_layer(config: EncoderConfig, name: str) -> State:
    """All weights of a layer, as zeros."""
    start = "layer.0."
    shapes = weight_shapes(config, pooler=False)
    return {
        f"{name}.{part.removeprefix(start)}": np.zeros(shape, np.float32)
        for part, shape in shapes.items()
        if part.startswith(start)
    }


def _ones(size: int, where: slice) -> np.ndarray:
    ones = np.zeros(size, np.float32)
    ones[where] = 1
    return ones


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
