"""The two ways into the data stage, and what identifies the content of a source."""

from nightloom.data.entity_dataset import build_entity_dataset
from nightloom.data.sources import source_identity
from nightloom.data.text_dataset import build_text_dataset

__all__ = ["build_entity_dataset", "build_text_dataset", "source_identity"]
