"""The two ways into the data stage, and what identifies the content of a source."""

from nightloom.data.sources.opened import source_identity
from nightloom.data.splits.entity_dataset import build_entity_dataset
from nightloom.data.splits.text_dataset import build_text_dataset

__all__ = ["build_entity_dataset", "build_text_dataset", "source_identity"]
