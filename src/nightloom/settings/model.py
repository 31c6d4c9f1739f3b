"""Settings of the tokenizers and the models of each family."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from nightloom.settings.base import Settings


class WordVocabularySettings(Settings):
    """A vocabulary of words, adapted on the training split (Keras' TextVectorization)."""

    vocabulary_size: int = Field(default=20_000, ge=3, le=10_000_000)
    """Number of words, the most frequent ones; includes padding and unknown."""
    standardize: Literal["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"] = (
        "lower_and_strip_punctuation"
    )
    """How a text is normalised before it is split at white space."""
    adapt_rows: int | None = Field(default=None, ge=1)
    """Number of training rows to adapt on; none: all of them."""


class TransformerSettings(Settings):
    """A small post-norm transformer encoder with learned positions, average-pooled."""

    length: int = Field(default=256, ge=1, le=8192)
    """Words per text; the rest is cut off."""
    width: int = Field(default=32, ge=1, le=8192)
    """Size of the embeddings and of each block's output."""
    depth: int = Field(default=1, ge=1, le=48)
    """Number of transformer blocks."""
    heads: int = Field(default=2, ge=1, le=128)
    """Attention heads per block."""
    head_size: int | None = Field(default=None, ge=1, le=8192)
    """Size of a head's queries and keys; none: the width."""
    feed_forward: int = Field(default=32, ge=1, le=65_536)
    """Width of the hidden layer inside each block."""
    hidden: int = Field(default=20, ge=1, le=65_536)
    """Width of the hidden layer before the classes."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout rate in blocks and head."""
    word_dropout: float = Field(default=0.3, ge=0, lt=1)
    """Share of words whose whole embedding is dropped in training."""


Trainable = Annotated[
    str, Field(pattern=r"^(head|all|top:[1-9]\d*)$", examples=["head", "all", "top:2"])
]
"""`head`: the encoder is frozen; `all`; `top:N`: its upper N layers and the head."""


class CheckpointSettings(Settings):
    """A pretrained encoder in Hugging Face format."""

    checkpoint: str = "bert-base-uncased"
    """Hugging Face id, local directory, or `minilm`."""
    revision: str | None = None
    """Branch, tag or commit of a Hugging Face id; none: the latest."""
    lowercase: bool | None = None
    """Whether texts are lower-cased; none: according to the checkpoint's files, else its
    vocabulary."""
    length: int = Field(default=128, ge=3, le=8192)
    """Pieces per text, including special ones; the rest is cut off."""
    trainable: Trainable = "all"
    """What is trained: `head` (frozen encoder), `all`, or `top:N` (upper N layers and head)."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout rate before the head."""

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
    """Number format of the frozen encoder's stored features."""
    attentions: tuple[str, ...] = ()
    """Texts whose attention maps `draw_attentions` plots (PNG and Parquet)."""


class HubSettings(Settings):
    """A TF Hub pair: preprocessing module and encoder."""

    encoder: str = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
    """Handle (https://...), local SavedModel directory, or a checkpoint such as `minilm`."""
    preprocess: str | None = None
    """Handle or directory of the preprocessing module; none: the encoder's own."""
    lowercase: bool | None = None
    """Whether texts are lower-cased, if the encoder is a checkpoint; none: according to its files,
    else its vocabulary."""
    length: int = Field(default=128, ge=3, le=512)
    """Pieces per text, including special ones."""
    trainable: Literal["head", "all"] = "all"
    """What is trained: `head` (frozen encoder) or `all`."""
    pooling: Literal["pooler", "cls", "mean"] = "pooler"
    """What the head sees: `pooled_output`, or the first token or average of `sequence_output`."""
    features: Literal["float32", "float16"] = "float32"
    """Number format of the frozen encoder's stored features."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout rate before the head."""


class TaggerSettings(CheckpointSettings):
    """A pretrained encoder with a tag for every piece of a word."""

    checkpoint: str = "bert-base-cased"
    """Hugging Face id, local directory, or `minilm`."""
    length: int = Field(default=128, ge=3, le=8192)
    """Pieces per window, including special ones; a longer sentence becomes several windows."""
    overlap: int | None = Field(default=None, ge=0, le=4096)
    """Pieces by which the windows of a sentence longer than `length` overlap; none: a quarter of
    it."""
    later_pieces: Literal["inside", "ignore"] = "inside"
    """Label of a word's later pieces: the `I-` form of its tag, or none (-100)."""

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
