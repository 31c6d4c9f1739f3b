"""Settings of the tokenizers and the models of each family."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from nightloom.settings.base import Settings


class WordVocabularySettings(Settings):
    """A vocabulary of words, adapted on the training split (Keras' TextVectorization)."""

    vocabulary_size: int = Field(default=20_000, ge=3, le=10_000_000)
    """The most frequent words, padding and unknown included."""
    standardize: Literal["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"] = (
        "lower_and_strip_punctuation"
    )
    """What happens to a text before it is split at white space."""
    adapt_rows: int | None = Field(default=None, ge=1)
    """Adapt on so many training rows (the notebook: 15,000); none: on all of them."""


class TransformerSettings(Settings):
    """A small post-norm transformer encoder with learned positions, average-pooled."""

    length: int = Field(default=256, ge=1, le=8192)
    """Words of a text that the model sees; the rest is cut off."""
    width: int = Field(default=32, ge=1, le=8192)
    """Size of the embeddings and of every block's output."""
    depth: int = Field(default=1, ge=1, le=48)
    """Number of transformer blocks."""
    heads: int = Field(default=2, ge=1, le=128)
    """Attention heads of a block."""
    head_size: int | None = Field(default=None, ge=1, le=8192)
    """Size of a head's queries and keys; none: the width, as in the notebook."""
    feed_forward: int = Field(default=32, ge=1, le=65_536)
    """Width of the hidden layer inside each block."""
    hidden: int = Field(default=20, ge=1, le=65_536)
    """Width of the hidden layer before the classes."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of values dropped in training, in blocks and head."""
    word_dropout: float = Field(default=0.3, ge=0, lt=1)
    """Share of words whose embedding is dropped as a whole in training; the notebook: none."""


Trainable = Annotated[
    str, Field(pattern=r"^(head|all|top:[1-9]\d*)$", examples=["head", "all", "top:2"])
]
"""`head`: the encoder is frozen; `all`; `top:N`: its upper N layers and the head."""


class CheckpointSettings(Settings):
    """A pretrained encoder in Hugging Face format."""

    checkpoint: str = "bert-base-uncased"
    """Hugging Face id, local directory, or `minilm`."""
    revision: str | None = None
    """Branch, tag or commit of a Hugging Face id; none: the newest."""
    lowercase: bool | None = None
    """Whether texts are lower-cased; none: as the checkpoint's files say, else as its vocabulary
    shows."""
    length: int = Field(default=128, ge=3, le=8192)
    """Pieces of a text that the model sees, special ones included; the rest is cut off."""
    trainable: Trainable = "all"
    """What is trained: `head` (frozen encoder), `all`, or `top:N` (upper N layers and head)."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of values dropped before the head, in training."""

    @field_validator("checkpoint", check_fields=False)
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("expected a Hugging Face id, a directory or minilm, got nothing")
        return value


class PretrainedSettings(CheckpointSettings):
    """A pretrained encoder with a classification head."""

    pooling: Literal["pooler", "cls", "mean"] = "pooler"
    """What the head sees: BERT's pooler, the first token, or the average over the tokens."""
    features: Literal["float32", "float16"] = "float32"
    """How the frozen encoder's outputs are stored."""
    attentions: tuple[str, ...] = ()
    """Texts whose attention maps are drawn, by `draw_attentions` (PNG and Parquet)."""


class HubSettings(Settings):
    """A TF Hub pair: preprocessing module and encoder."""

    encoder: str = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
    """Handle (https://...), local SavedModel directory, or a checkpoint as `minilm`."""
    preprocess: str | None = None
    """Handle or directory of the preprocessing module; none: the one that fits the encoder."""
    lowercase: bool | None = None
    """Whether texts are lower-cased, where the encoder is a checkpoint; none: as its files say,
    else as its vocabulary shows."""
    length: int = Field(default=128, ge=3, le=512)
    """Pieces of a text that the model sees, special ones included."""
    trainable: Literal["head", "all"] = "all"
    """What is trained: `head` (frozen encoder) or `all`."""
    pooling: Literal["pooler", "cls", "mean"] = "pooler"
    """What the head sees: `pooled_output`, or first token or average of `sequence_output`."""
    features: Literal["float32", "float16"] = "float32"
    """How the frozen encoder's outputs are stored."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of values dropped before the head, in training."""


class TaggerSettings(CheckpointSettings):
    """A pretrained encoder with a tag for every piece of a word."""

    checkpoint: str = "bert-base-cased"
    """Hugging Face id, local directory, or `minilm`."""
    length: int = Field(default=128, ge=3, le=8192)
    """Pieces of a window, special ones included; a longer sentence becomes several windows."""
    overlap: int | None = Field(default=None, ge=0, le=4096)
    """Pieces that the windows of a sentence longer than `length` have in common; none: a quarter of
    it."""
    later_pieces: Literal["inside", "ignore"] = "inside"
    """Label of a word's later pieces: `I-` of its tag, or none (-100)."""

    @model_validator(mode="after")
    def _choose_overlap(self) -> Self:
        if self.overlap is None:
            self.__dict__["overlap"] = self.length // 4
        elif self.overlap >= self.length:
            raise ValueError(
                f"model.overlap={self.overlap}: expected less than model.length={self.length}; "
                "leave out model.overlap for a quarter of that"
            )
        return self
