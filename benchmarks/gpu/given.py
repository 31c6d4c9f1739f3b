"""What all parts of the benchmark are given."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Given:
    """Data, checkpoint, and the home in which the flows run."""

    ag_news: Path
    conll: Path
    checkpoint: Path
    home: Path
    tiny: bool
    """Few rows and small models."""
