"""The record of a format."""

import re
from dataclasses import dataclass

NAME = re.compile(r"[a-z][a-z0-9_]*")
TAKEN = frozenset({"code", "evaluation", "model", "tokenizer"})
"""Folders of a version other than those of its formats."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format that trained models can be written in."""

    name: str
    """Value of `register.formats`, and the folder inside a version."""
    write: str
    """`module:function`, called with (context, model, folder) in the worker: writes the complete
    `model` to `folder`, which it makes. The context is that of `register`."""
    models: tuple[str, ...] = ()
    """Kinds of models that it can write (`Learner.model`); none: every one."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name in TAKEN:
            raise ValueError(f"expected a format's name such as saved_model, got {self.name!r}")
        if not all(self.write.partition(":")):
            raise ValueError(f"format {self.name}: expected module:function, got {self.write!r}")

    def fits(self, model: str) -> bool:
        """Whether it can write a kind of models."""
        return not self.models or model in self.models
