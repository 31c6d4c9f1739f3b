"""Arrow streams: equal rows give equal bytes, damage is a RunError, columns are read alone."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloom.data.arrow import (
    BYTES_PER_BATCH,
    StreamWriter,
    count_rows,
    open_split,
    read_columns,
    write_stream,
)
from nightloom.errors import RunError

SCHEMA = pa.schema([("text", pa.string()), ("number", pa.int64())])


def batch(numbers: list[int], text: str = "t") -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([f"{text}{n}" for n in numbers]), pa.array(numbers, pa.int64())], schema=SCHEMA
    )


@given(sizes=st.lists(st.integers(0, 9), max_size=12), per_batch=st.integers(1, 7))
def test_how_rows_arrive_leaves_no_trace(
    sizes: list[int], per_batch: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("stream")
    rows = list(range(sum(sizes)))
    parts = [batch(rows[sum(sizes[:at]) : sum(sizes[: at + 1])]) for at in range(len(sizes))]
    write_stream(folder / "parts", SCHEMA, parts, rows_per_batch=per_batch)
    assert write_stream(folder / "whole", SCHEMA, [batch(rows)], rows_per_batch=per_batch) == len(
        rows
    )
    assert (folder / "parts").read_bytes() == (folder / "whole").read_bytes()
    assert read_columns(folder / "parts", ["number"])["number"].to_pylist() == rows
    assert count_rows(folder / "parts") == len(rows)


def test_slices_are_written_without_what_they_hide(tmp_path: Path) -> None:
    whole = batch(list(range(10_000)))
    write_stream(tmp_path / "slices", SCHEMA, [whole.slice(5, 3), whole.slice(9_000, 2)])
    write_stream(tmp_path / "rows", SCHEMA, [batch([5, 6, 7, 9000, 9001])])
    assert (tmp_path / "slices").read_bytes() == (tmp_path / "rows").read_bytes()


def test_large_rows_are_written_before_they_pile_up(tmp_path: Path) -> None:
    text = "x" * (BYTES_PER_BATCH // 8)
    with StreamWriter(tmp_path / "large", SCHEMA) as writer:
        for number in range(20):
            writer.write(batch([number], text))
    assert len(list(open_split(tmp_path / "large"))) > 1
    assert count_rows(tmp_path / "large") == 20


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    write_stream(tmp_path / "rows", SCHEMA, [batch([1, 2])])
    assert read_columns(tmp_path / "rows", ["number", "text"]).column_names == ["number", "text"]
    with pytest.raises(KeyError, match="no column label"):
        read_columns(tmp_path / "rows", ["label"])
    write_stream(tmp_path / "none", SCHEMA, [])
    assert read_columns(tmp_path / "none", ["number"]).num_rows == 0


@pytest.mark.parametrize("keep", [0, 1, 100, -300])
def test_damage_is_a_run_error(keep: int, tmp_path: Path) -> None:
    write_stream(tmp_path / "rows", SCHEMA, [batch(list(range(1000)))])
    data = (tmp_path / "rows").read_bytes()
    (tmp_path / "rows").write_bytes(data[:keep])
    with pytest.raises(
        RunError, match="expected a complete Arrow stream.*build the artifact"
    ) as no:
        list(open_split(tmp_path / "rows"))
    assert "\n" not in str(no.value)
    with pytest.raises(RunError, match="cannot read"):
        list(open_split(tmp_path / "missing"))
