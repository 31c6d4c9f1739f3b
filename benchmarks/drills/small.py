"""The smallest runs that go through every stage of a flow; pretrained ones get a tiny encoder."""

from pathlib import Path

from nightloom.data.sources.sample_rows import sample_sentences

EPOCHS = 4
ROWS = [
    "data.source=sample",
    "data.limit=400",
    "model.length=24",
    f"train.epochs={EPOCHS}",
    "train.batch_size=8",
    "train.jit_compile=false",
    "check.least=5000",
]
FLOWS = ("classify-transformer", "classify-bert", "ner-bert")
_RATE = "train.learning_rate=0.01"


def settings_for(flow: str, folder: Path) -> list[str]:
    """Settings of a small run of `flow`; what it needs beside them is made in `folder`."""
    if flow == "classify-transformer":
        return ROWS
    checkpoint = _tiny_bert(folder / "tiny-bert")
    return [*ROWS, _RATE, f"model.checkpoint={checkpoint}"]


def _tiny_bert(folder: Path) -> Path:
    """A BERT of two layers of width 16 with random weights, which knows the sample's words."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz,.-"
    words = sorted({word.lower() for row, _ in sample_sentences("train") for word in row})
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*specials, *words, *letters, *(f"##{letter}" for letter in letters)])
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    return folder
