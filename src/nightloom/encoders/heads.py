"""Our classification head, put in terms of the heads that Hugging Face models have.

Ours is: pooled vector → dense. Theirs have one more dense map with a bent function in between,
which is used where it is straight: tanh near 0, relu far above 0. Averaging over the tokens is
something that no BERT class of transformers does; `bart_for_mean` finds it in BART.
"""

import math

import numpy as np

from nightloom.encoders.config import EncoderConfig
from nightloom.errors import InputError

State = dict[str, np.ndarray]

SMALL = 2.0**-20
"""tanh(SMALL * x) equals SMALL * x to 1e-9 for the |x| < 50 of layer-normed vectors."""
BART_EPS = 1e-5
"""The epsilon of every layer norm in BART."""


def straight_tanh(hidden: int) -> np.ndarray:
    """Kernel of a dense map that passes vectors through a tanh unbent, scaled by SMALL."""
    return np.eye(hidden, dtype=np.float32) * np.float32(SMALL)


def straight_relu(gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """A bias that lifts every vector of a layer norm with `gamma`, `beta` above 0.

    A normed value is at most sqrt(n - 1) in size, n being the width.
    """
    return np.abs(gamma) * np.float32(math.sqrt(len(gamma))) + np.abs(beta)


def bart_for_mean(
    config: EncoderConfig, state: State, kernel: np.ndarray, bias: np.ndarray
) -> State:
    """A BertModel-like encoder, its mean over tokens and a head, as BartForSequenceClassification.

    state: tensors by stable name (`encoder_state`); kernel [hidden, labels]; bias [labels].

    BART's encoder is BERT's (post-norm, learned positions, which take in the type embedding)
    but for the epsilon in its layer norms. So the stream of vectors is scaled by
    a = sqrt(1e-5 / epsilon) and every map that reads it is scaled back: a layer norm of `a x` with
    epsilon 1e-5 equals one of x with ours. The decoder's own stream is made 0 for every token; its
    attention over the encoder then has equal scores, that is, gives the mean over the real tokens
    (padding is masked), of which a dense map makes the logits. The layer norms behind it get
    values so small that epsilon outweighs their variance, where a layer norm is linear; the logits
    go through it as pairs (+z, -z), since it subtracts the mean.
    """
    hidden, labels = config.hidden_size, kernel.shape[1]
    if 2 * labels > hidden:
        raise InputError(
            f"export with pooling=mean takes at most half as many labels as the encoder is wide: "
            f"found {labels} labels, width {hidden}"
        )
    scale = math.sqrt(BART_EPS / config.layer_norm_eps)
    out: State = {}

    def dense(theirs: str, ours: str, by: float = 1.0, bias_by: float = 1.0) -> None:
        out[f"{theirs}.weight"] = state[f"{ours}.kernel"].T * np.float32(by)
        out[f"{theirs}.bias"] = state[f"{ours}.bias"] * np.float32(bias_by)

    def norm(theirs: str, ours: str, by: float) -> None:
        out[f"{theirs}.weight"] = state[f"{ours}.gamma"] * np.float32(by)
        out[f"{theirs}.bias"] = state[f"{ours}.beta"] * np.float32(by)

    out["model.shared.weight"] = state["embeddings.words"] * np.float32(scale)
    places = state["embeddings.places"][config.position_offset :]
    if "embeddings.types" in state:
        places = places + state["embeddings.types"][0]
    unused = np.zeros((2, hidden), np.float32)
    out["model.encoder.embed_positions.weight"] = np.concatenate(
        [unused, places * np.float32(scale)]
    )
    norm("model.encoder.layernorm_embedding", "embeddings.norm", scale)
    for i in range(config.layers):
        theirs, ours = f"model.encoder.layers.{i}", f"layer.{i}"
        kernels = np.split(state[f"{ours}.qkv.kernel"], 3, axis=1)
        biases = np.split(state[f"{ours}.qkv.bias"], 3)
        for one, k, b in zip("qkv", kernels, biases, strict=True):
            out[f"{theirs}.self_attn.{one}_proj.weight"] = k.T / np.float32(scale)
            out[f"{theirs}.self_attn.{one}_proj.bias"] = b
        dense(f"{theirs}.self_attn.out_proj", f"{ours}.attention_output", scale, scale)
        norm(f"{theirs}.self_attn_layer_norm", f"{ours}.attention_norm", scale)
        dense(f"{theirs}.fc1", f"{ours}.up", 1 / scale)
        dense(f"{theirs}.fc2", f"{ours}.down", scale, scale)
        last = i == config.layers - 1
        norm(f"{theirs}.final_layer_norm", f"{ours}.output_norm", 1.0 if last else scale)
    _averaging_decoder(out, config, kernel)
    picks = np.zeros((labels, hidden), np.float32)
    picks[np.arange(labels), np.arange(labels)] = 1 / SMALL
    out["classification_head.dense.weight"] = straight_tanh(hidden)
    out["classification_head.dense.bias"] = np.zeros(hidden, np.float32)
    out["classification_head.out_proj.weight"] = picks
    out["classification_head.out_proj.bias"] = bias.astype(np.float32)
    return {name: np.ascontiguousarray(value, np.float32) for name, value in out.items()}


def _averaging_decoder(out: State, config: EncoderConfig, kernel: np.ndarray) -> None:
    hidden, labels = config.hidden_size, kernel.shape[1]
    tiny, middle = 2.0**-26, 2.0**-9
    amplified = 1 / math.sqrt(BART_EPS)
    restore = 1 / (tiny * amplified * middle * amplified)
    logits = np.zeros((hidden, hidden), np.float32)
    logits[:labels] = kernel.T * np.float32(tiny)
    logits[labels : 2 * labels] = -logits[:labels]
    ones, zeros = np.ones(hidden, np.float32), np.zeros(hidden, np.float32)
    square = np.zeros((hidden, hidden), np.float32)
    layer = "model.decoder.layers.0"
    places = config.max_positions + 2
    out["model.decoder.embed_positions.weight"] = np.zeros((places, hidden), np.float32)
    for name, gamma in (
        ("model.decoder.layernorm_embedding", zeros),
        (f"{layer}.self_attn_layer_norm", zeros),
        (f"{layer}.encoder_attn_layer_norm", ones * np.float32(middle)),
        (f"{layer}.final_layer_norm", ones * np.float32(restore)),
    ):
        out[f"{name}.weight"], out[f"{name}.bias"] = gamma, zeros
    for attention in ("self_attn", "encoder_attn"):
        for one in ("q_proj", "k_proj", "v_proj", "out_proj"):
            out[f"{layer}.{attention}.{one}.weight"] = square
            out[f"{layer}.{attention}.{one}.bias"] = zeros
    out[f"{layer}.encoder_attn.v_proj.weight"] = np.eye(hidden, dtype=np.float32)
    out[f"{layer}.encoder_attn.out_proj.weight"] = logits
    out[f"{layer}.fc1.weight"] = np.zeros((1, hidden), np.float32)
    out[f"{layer}.fc1.bias"] = np.zeros(1, np.float32)
    out[f"{layer}.fc2.weight"] = np.zeros((hidden, 1), np.float32)
    out[f"{layer}.fc2.bias"] = zeros
