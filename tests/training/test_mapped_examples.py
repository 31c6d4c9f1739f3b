"""Encoded rows are read where they lie: mapped, whatever the batches of the file."""

import numpy as np
import pyarrow as pa
import pytest

from nightloom.data.arrow import write_stream
from nightloom.training.batches import bucketed, materialise, places_in_order, single
from nightloom.training.examples import read_examples

SIZES = [3, 0, 7, 1, 0, 5, 2, 2, 9]


def token_rows(labels):
    draw = np.random.default_rng(0)
    ids = [draw.integers(1, 99, size).tolist() for size in SIZES]
    return ids, [draw.integers(0, 5, size).tolist() for size in SIZES] if labels else ids


@pytest.mark.parametrize("rows_per_batch", [1, 2, 4, 100])
@pytest.mark.parametrize("tagged", [False, True])
def test_ids_and_tags_are_those_of_the_rows(tagged, rows_per_batch, tmp_path):
    ids, tags = token_rows(tagged)
    names = ("labels", pa.list_(pa.int32())) if tagged else ("label", pa.int32())
    schema = pa.schema([("ids", pa.list_(pa.int32())), names])
    given = tags if tagged else list(range(len(ids)))
    batch = pa.RecordBatch.from_pydict({"ids": ids, names[0]: given}, schema=schema)
    write_stream(tmp_path / "rows.arrow", schema, [batch], rows_per_batch=rows_per_batch)
    rows = read_examples(tmp_path / "rows.arrow")
    assert isinstance(rows.ids, np.memmap)
    assert rows.lengths.tolist() == SIZES
    layout = bucketed(rows.lengths, batch_size=2, shapes=2, most=90)
    lots = [(rows, 0)] if tagged else [(rows, 0), (rows.part(2, 8), 2)]
    for some, start in lots:
        seen = []
        for place in places_in_order(some, layout):
            made = materialise(some, layout, place)
            for at, row in enumerate(place.examples.tolist()):
                size, row = SIZES[row + start], row + start
                assert made["ids"][at, :size].tolist() == ids[row]
                found = made["labels"][at, :size] if tagged else made["labels"][at]
                assert found.tolist() == given[row]
                seen.append(row)
        assert sorted(seen) == list(range(start, start + len(some)))


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("rows_per_batch", [1, 2, 100])
def test_vectors_are_those_of_the_rows(kind, rows_per_batch, tmp_path):
    wanted = np.random.default_rng(0).random((7, 3)).astype(kind)
    column = pa.FixedSizeListArray.from_arrays(pa.array(wanted.reshape(-1)), 3)
    schema = pa.schema([("features", column.type), ("label", pa.int32())])
    batch = pa.RecordBatch.from_arrays([column, pa.array(range(7), pa.int32())], schema=schema)
    write_stream(tmp_path / "rows.arrow", schema, [batch], rows_per_batch=rows_per_batch)
    rows = read_examples(tmp_path / "rows.arrow")
    assert isinstance(rows.features, np.memmap)
    layout = single(batch_size=4)
    made = [materialise(rows, layout, place) for place in places_in_order(rows, layout)]
    assert np.concatenate([one["features"] for one in made])[:7].tolist() == wanted.tolist()
    assert np.concatenate([one["labels"] for one in made])[:7].tolist() == list(range(7))


def test_a_split_without_rows_or_without_tokens_is_read(tmp_path):
    schema = pa.schema([("ids", pa.list_(pa.int32())), ("label", pa.int32())])
    for ids in ([], [[], []]):
        batch = pa.RecordBatch.from_pydict({"ids": ids, "label": [1] * len(ids)}, schema=schema)
        write_stream(tmp_path / "rows.arrow", schema, [batch])
        rows = read_examples(tmp_path / "rows.arrow")
        assert (rows.lengths.tolist(), len(rows)) == ([0] * len(ids), len(ids))
        layout = bucketed(rows.lengths, batch_size=2, shapes=1, most=9)
        assert sum(len(place.rows) for place in places_in_order(rows, layout)) == len(ids)
