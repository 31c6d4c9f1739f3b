"""Tables on disk: Parquet whose bytes depend only on the rows."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

PREDICTIONS = "predictions.parquet"
"""The file with predictions and gold labels of each test row or word, written by `evaluate`."""


def write_parquet(table: "pandas.DataFrame", path: Path) -> None:
    """Write a table without its index; equal tables give equal bytes."""
    import pyarrow
    import pyarrow.parquet

    arrow = pyarrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pyarrow.parquet.write_table(arrow, path, compression="zstd")


def write_rows(table: "pandas.DataFrame", path: Path) -> None:
    """Also write a small table as JSON, for readers that should not import pandas."""
    import json

    rows = json.loads(table.to_json(orient="records", double_precision=15))
    path.write_text(json.dumps(rows, ensure_ascii=False) + "\n", encoding="utf-8")


def read_parquet(path: Path) -> "pandas.DataFrame":
    """Read a table that `write_parquet` wrote."""
    import pyarrow.parquet

    table: pandas.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    return table
