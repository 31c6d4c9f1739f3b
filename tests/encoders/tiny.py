"""Tiny random checkpoints of every family, made by PyTorch transformers, and batches for them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import torch
import transformers

VOCABULARY = 320
POSITIONS = 64
WORDS = "the a cat dog sat on mat home runs far fast red blue and but or not very old new".split()
TEXTS = (
    "the cat sat on the mat",
    "a very old dog",
    "home",
    "red and blue but not the new dog , or the fast cat",
)

_SIZES = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": POSITIONS,
}
_DISTILBERT = {
    "dim": 12,
    "n_layers": 2,
    "n_heads": 3,
    "hidden_dim": 20,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": POSITIONS,
}
_ROBERTA = {"max_position_embeddings": POSITIONS + 2, "pad_token_id": 1, "layer_norm_eps": 1e-5}


def class_of(family: str) -> str:
    """How the names of transformers' classes for a `model_type` begin."""
    return transformers.CONFIG_MAPPING[family].__name__.removesuffix("Config")


def torch_model(family: str, kind: str = "Model", *, seed: int = 0, **changes: Any) -> Any:
    """A tiny PyTorch model with random weights, biases and layer norms.

    kind: the end of the class's name; `add_pooling_layer` in `changes` goes to the class.
    """
    options = {}
    if "add_pooling_layer" in changes:
        options["add_pooling_layer"] = changes.pop("add_pooling_layer")
    sizes = dict(_DISTILBERT if family == "distilbert" else _SIZES)
    if family in ("roberta", "xlm-roberta", "camembert"):
        sizes |= _ROBERTA
    if family in ("albert", "electra"):
        sizes |= {"embedding_size": 8}
    name = class_of(family)
    config = getattr(transformers, f"{name}Config")(**(sizes | changes))
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(transformers, f"{name}{kind}")(config, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def save_checkpoint(directory: Path, family: str, kind: str = "Model", **changes: Any) -> Any:
    """Save a `torch_model` with a tokenizer of its family; returns the model."""
    model = torch_model(family, kind, **changes)
    model.save_pretrained(directory)
    save_tokenizer(directory, family)
    return model


def save_tokenizer(directory: Path, family: str) -> None:
    """Save a small real tokenizer of the kind that the family has."""
    letters = "abcdefghijklmnopqrstuvwxyz,."
    if family in ("bert", "distilbert", "electra"):
        specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        pieces = [*specials, *WORDS, *letters, *(f"##{letter}" for letter in letters)]
        vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
        tokenizer = transformers.BertTokenizer(vocab=vocabulary)
    elif family == "roberta":
        from tokenizers.pre_tokenizers import ByteLevel

        specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        pieces = [*specials, *sorted(ByteLevel.alphabet()), "th", "the", "Ġthe"]
        vocabulary = {piece: i for i, piece in enumerate(pieces)}
        merges = [("t", "h"), ("th", "e"), ("Ġ", "the")]
        tokenizer = transformers.RobertaTokenizer(vocab=vocabulary, merges=merges)
    else:
        albert = family == "albert"
        specials = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
        specials = specials if albert else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        pieces = ["▁", *(f"▁{word}" for word in WORDS), *letters]
        scored = [(piece, 0.0) for piece in specials]
        scored += [(piece, -1.0 - i / 10) for i, piece in enumerate(dict.fromkeys(pieces))]
        tokenizer = getattr(transformers, f"{class_of(family)}Tokenizer")(vocab=scored)
    tokenizer.save_pretrained(directory)


def change_config(directory: Path, **changes: Any) -> None:
    """Set keys of a checkpoint's `config.json`; None removes one."""
    path = directory / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


def random_examples(lengths: list[int], *, seed: int = 0) -> list[np.ndarray]:
    """Token ids of examples, none of them special."""
    draw = np.random.default_rng(seed)
    return [draw.integers(5, VOCABULARY, size=length, dtype=np.int32) for length in lengths]


def packed(rows: list[list[np.ndarray]], width: int) -> dict[str, tf.Tensor]:
    """A batch: each row holds its examples one after the other."""
    ids, segments, positions = np.zeros((3, len(rows), width), np.int32)
    first = []
    for row, examples in enumerate(rows):
        column = 0
        for number, example in enumerate(examples, start=1):
            end = column + len(example)
            ids[row, column:end] = example
            segments[row, column:end] = number
            positions[row, column:end] = np.arange(len(example))
            first.append((row, column))
            column = end
    arrays = {"ids": ids, "segments": segments, "positions": positions, "first": first}
    return {name: tf.constant(array, tf.int32) for name, array in arrays.items()}


def padded(examples: list[np.ndarray], width: int | None = None) -> dict[str, tf.Tensor]:
    """A batch of one example a row."""
    width = width or max(map(len, examples))
    return packed([[example] for example in examples], width)


def torch_inputs(batch: dict[str, tf.Tensor], pad: int = 0) -> dict[str, torch.Tensor]:
    """What a PyTorch model takes for a batch of one example a row."""
    mask = batch["segments"].numpy() > 0
    ids = np.where(mask, batch["ids"].numpy(), pad)
    return {
        "input_ids": torch.tensor(ids, dtype=torch.long),
        "attention_mask": torch.tensor(mask, dtype=torch.long),
    }


def encoded(encoder: Any, batch: dict[str, tf.Tensor], **options: Any) -> np.ndarray:
    """The encoder's vectors for a batch, [rows, width, hidden]."""
    return encoder(batch["ids"], batch["segments"], batch["positions"], **options).numpy()
