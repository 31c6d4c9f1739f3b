"""What a checkpoint is by its architecture, found out once (`fetch_checkpoint`) and kept beside it.

Whoever trains on a fetched checkpoint reads this and asks no architecture: the keys of trainings
cover what was found, not the code that can find out about other architectures as well.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from nightloom.encoders.config import EncoderConfig

NAME = "encoder.json"


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """The encoder of a checkpoint, and where its weights are."""

    config: EncoderConfig
    tensors: Mapping[str, tuple[str, ...]]
    """Weight of the encoder, its pooler's included, → the tensors in the files that make it up."""

    @property
    def has_pooler(self) -> bool:
        """Whether the checkpoint has a pooler."""
        return "pooler.kernel" in self.tensors


def write_inspected(directory: Path, found: Inspected) -> None:
    """Keep it beside the checkpoint's files."""
    text = json.dumps(asdict(found), indent=1, sort_keys=True)
    (directory / NAME).write_text(text + "\n", encoding="utf-8")


def read_inspected(directory: Path) -> Inspected:
    """What `write_inspected` kept."""
    values = json.loads((directory / NAME).read_text("utf-8"))
    return Inspected(
        config=EncoderConfig.from_json(json.dumps(values["config"])),
        tensors={name: tuple(names) for name, names in values["tensors"].items()},
    )
