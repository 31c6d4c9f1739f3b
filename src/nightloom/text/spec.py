"""`tokenizer.json`, as the tokenizers library writes it."""

from collections.abc import Mapping
from typing import Any

Part = Mapping[str, Any]
"""A part of it: a normalizer, a splitter, a model, the whole. `type` says which fields it has."""
