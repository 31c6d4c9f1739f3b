"""Seeded drawing: proportional, complete, and fixed for all time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightloom.data.drawing import ranks, shares, stratified


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


def test_smaller_part_lies_in_the_larger() -> None:
    codes = np.array([0, 1, 2, 0] * 100)
    among = np.ones(400, dtype=bool)
    small = stratified(codes, among, 40, seed=3, purpose="limit")
    large = stratified(codes, among, 200, seed=3, purpose="limit")
    assert small.sum() == 40
    assert large.sum() == 200
    assert not (small & ~large).any()
    assert np.bincount(codes[small]).tolist() == [20, 10, 10]
