"""Seeded drawing: proportional, complete, and fixed for all time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightloom.data.splits.drawing import Chunk, Draw, draw_lowest, ranks, shares


def test_ranks_are_the_same_for_ever() -> None:
    assert ranks(3, seed=1, purpose="valid").tolist() == [
        5429059945366626669,
        10838404147190313005,
        5660711746323009202,
    ]


def test_ranks_differ_by_seed_and_purpose() -> None:
    drawn = {
        tuple(ranks(4, seed=seed, purpose=purpose).tolist())
        for seed in (1, 2)
        for purpose in ("valid", "limit")
    }
    assert len(drawn) == 4


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8), st.floats(0, 1))
def test_shares_are_proportional(counts: list[int], fraction: float) -> None:
    present = sum(1 for count in counts if count)
    take = max(present, round(sum(counts) * fraction))
    given_out = shares(counts, take) if sum(counts) else [0] * len(counts)
    assert sum(given_out) == (take if sum(counts) else 0)
    for count, share in zip(counts, given_out, strict=True):
        assert share <= count
        assert (share >= 1) == (count >= 1)
        if take >= 20 * len(counts):
            assert abs(share - take * count / sum(counts)) <= len(counts)


def draw(codes: np.ndarray, take: list[int], *, chunk: int = 1000, **how: Any) -> Draw:
    """A draw over `codes` in chunks, all of them taking part unless `among` says otherwise."""
    among = how.pop("among", np.ones(len(codes), dtype=bool))

    def chunks() -> Iterator[Chunk]:
        for start in range(0, len(codes), chunk):
            part = slice(start, start + chunk)
            yield start, codes[part], among[part]

    counts = np.bincount(codes[among], minlength=len(take)).tolist()
    return draw_lowest(chunks, counts, take, **how)


def test_shares_keep_to_their_limits() -> None:
    assert shares([10, 100, 4], 50, most=[9, 40, 1]) == [9, 40, 1]
    assert shares([10, 100, 4], 40, most=[3, 99, 2]) == [3, 35, 2]


def test_smaller_part_lies_in_the_larger() -> None:
    codes = np.array([0, 1, 2, 0] * 100)
    small = draw(codes, [20, 10, 10], seed=3, purpose="limit").holds(codes, 0)
    large = draw(codes, [100, 50, 50], seed=3, purpose="limit").holds(codes, 0)
    assert np.bincount(codes[small]).tolist() == [20, 10, 10]
    assert large.sum() == 200
    assert not (small & ~large).any()


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=400),
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.integers(0, 5),
    st.integers(1, 90),
)
def test_a_draw_is_the_rows_of_lowest_rank(
    classes: list[int], fractions: list[float], seed: int, chunk: int
) -> None:
    codes = np.array(classes)
    among = ranks(len(codes), seed=seed, purpose="among") % np.uint64(3) > 0
    counts = np.bincount(codes[among], minlength=5)
    take = [round(count * part) for count, part in zip(counts.tolist(), fractions, strict=True)]
    found = draw(codes, take, chunk=chunk, among=among, seed=seed, purpose="p").holds(codes, 0)
    rank = ranks(len(codes), seed=seed, purpose="p")
    for code, number in enumerate(take):
        rows = np.flatnonzero(among & (codes == code))
        lowest = rows[np.argsort(rank[rows])[:number]]
        assert np.flatnonzero(found & among & (codes == code)).tolist() == sorted(lowest)


def test_a_draw_from_many_rows_is_exact_in_one_pass() -> None:
    codes = (ranks(300_000, seed=5, purpose="codes") % np.uint64(3)).astype(np.int32)
    passes = []

    def chunks() -> Iterator[Chunk]:
        passes.append(1)
        for start in range(0, len(codes), 4096):
            part = codes[start : start + 4096]
            yield start, part, np.ones(len(part), dtype=bool)

    take = [1, 12_345, 99_000]
    found = draw_lowest(chunks, np.bincount(codes).tolist(), take, seed=1, purpose="p")
    assert np.bincount(codes[found.holds(codes, 0)]).tolist() == take
    assert len(passes) == 1


def test_rows_of_a_chunk_know_their_numbers() -> None:
    codes = np.zeros(1000, dtype=np.int32)
    found = draw(codes, [300], seed=1, purpose="p")
    parts = [found.holds(codes[start : start + 70], start) for start in range(0, 1000, 70)]
    assert np.concatenate(parts).tolist() == found.holds(codes, 0).tolist()


def test_ten_thousand_classes_are_shared_out() -> None:
    counts = [500_000, *[20] * 9_999]  # a step a row and class would take hours
    given_out = shares(counts, 10_001)
    assert sum(given_out) == 10_001
    assert min(given_out) == 1
