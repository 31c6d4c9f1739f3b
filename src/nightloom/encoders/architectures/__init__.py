"""The supported architectures: a module for each, and a line here."""

# ruff: noqa: F401 (imports make up the list)

from nightloom.encoders.architecture import Architecture
from nightloom.encoders.architectures.albert import ALBERT
from nightloom.encoders.architectures.bert import BERT
from nightloom.encoders.architectures.distilbert import DISTILBERT
from nightloom.encoders.architectures.electra import ELECTRA
from nightloom.encoders.architectures.roberta import ROBERTA

ARCHITECTURES = tuple(one for one in list(globals().values()) if isinstance(one, Architecture))
_BY_TYPE = {name: one for one in ARCHITECTURES for name in one.model_types}
MODEL_TYPES = tuple(_BY_TYPE)
"""The values of `model_type` that can be loaded."""


def architecture_of(model_type: str) -> Architecture:
    """The architecture of a `model_type` in MODEL_TYPES."""
    return _BY_TYPE[model_type]
