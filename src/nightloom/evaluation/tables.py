"""Tables on disk: Parquet whose bytes depend on the rows alone."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

PREDICTIONS = "predictions.parquet"
"""What a model said of each test row or word, as `evaluate` leaves it, beside the gold label."""


def write_parquet(table: "pandas.DataFrame", path: Path) -> None:
    """Write a table without its index; equal tables give equal bytes."""
    import pyarrow
    import pyarrow.parquet

    arrow = pyarrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pyarrow.parquet.write_table(arrow, path, compression="zstd")


def write_rows(table: "pandas.DataFrame", path: Path) -> None:
    """Write a small table as JSON too, for readers that shall not pay for pandas."""
    import json

    rows = json.loads(table.to_json(orient="records", double_precision=15))
    path.write_text(json.dumps(rows, ensure_ascii=False) + "\n", encoding="utf-8")


def read_parquet(path: Path) -> "pandas.DataFrame":
    """Read a table that `write_parquet` wrote."""
    import pyarrow.parquet

    table: pandas.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    return table
