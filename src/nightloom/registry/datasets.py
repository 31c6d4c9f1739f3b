"""The rows that a version was made of, as MLflow's pages show them: a dataset of its run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightloom.masking import masked

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

_DIGEST = 32
"""Characters of a digest: MLflow takes 36."""
_NAME = 200
_CLASSES = 200
"""Classes that are named."""
_URI = {"files": "local", "https": "http", "http": "http", "s3": "s3", "gs": "gs", "az": "wasbs"}
"""What MLflow calls a source, by our kind; others are its general `code`."""


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What is known of the rows."""

    source: str
    """As `data.source` names it."""
    facts: Mapping[str, Any]
    """What its kind tells of it."""
    digest: str
    rows: Mapping[str, int]
    """By split."""
    classes: Sequence[str]

    def described(self) -> dict[str, str]:
        """The fields of a dataset in MLflow, all text; without passwords and tokens."""
        source = masked(self.source)
        kind = str(self.facts.get("kind", ""))
        profile = {
            "num_rows": sum(self.rows.values()),
            **{f"{split}_rows": count for split, count in self.rows.items()},
            "num_classes": len(self.classes),
            "classes": list(self.classes)[:_CLASSES],
        }
        return {
            "name": source if len(source) <= _NAME else f"…{source[1 - _NAME :]}",
            "digest": self.digest[:_DIGEST],
            "source_type": "hugging_face" if kind == "hf" else _URI.get(kind, "code"),
            "source": json.dumps(self._source(kind, source), ensure_ascii=False),
            "profile": json.dumps(profile, ensure_ascii=False),
        }

    def _source(self, kind: str, source: str) -> dict[str, Any]:
        if kind == "hf":
            known = {"path": self.facts.get("name"), "config_name": self.facts.get("config")}
            none = dict.fromkeys(("data_dir", "data_files", "split"))
            return {**known, **none, "revision": self.facts.get("revision")}
        if kind in ("https", "http"):
            return {"url": source}
        if kind in _URI:
            return {"uri": source}
        return {"tags": {name: masked(str(value)) for name, value in self.facts.items()}}


def dataset_input(card: DataCard) -> "DatasetInput":
    """The rows as an input of a run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    return DatasetInput(
        Dataset(**card.described()), tags=[InputTag(MLFLOW_DATASET_CONTEXT, "training")]
    )
