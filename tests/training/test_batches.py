import gc
import itertools
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloom.data.labels.ignored import IGNORED
from nightloom.families import hub, transformer
from nightloom.models.transformer import TransformerClassifier
from nightloom.settings.model import TransformerSettings
from nightloom.training.batches import (
    STEP,
    Layout,
    bucketed,
    choose_widths,
    materialise,
    packed,
    places,
    places_in_order,
    single,
)
from nightloom.training.examples import FeatureExamples, TokenExamples
from nightloom.training.feed import ExampleFeed

LENGTHS = st.lists(st.integers(0, 90), min_size=1, max_size=60)


def examples(lengths: list[int], *, per_token: bool = False) -> TokenExamples:
    """Rows whose tokens are all different: 1, 2, 3, ..."""
    offsets = np.cumsum([0, *lengths])
    ids = np.arange(1, offsets[-1] + 1, dtype=np.int32)
    labels = ids * 7 if per_token else np.arange(len(lengths), dtype=np.int32)
    return TokenExamples(ids, offsets.astype(np.int64), labels.astype(np.int32), per_token)


def layouts(lengths: np.ndarray) -> list[Layout]:
    return [
        bucketed(lengths, batch_size=4, shapes=3, most=90),
        packed(lengths, batch_size=4, width=32),
    ]


@given(LENGTHS, st.booleans())
def test_every_example_is_in_exactly_one_batch(lengths, shuffled):
    given_lengths = np.array(lengths)
    for layout in layouts(given_lengths):
        order = np.random.default_rng(1) if shuffled else None
        found = places(given_lengths, layout, order=order)
        chosen = np.concatenate([place.examples for place in found])
        assert sorted(chosen) == list(range(len(lengths)))


@given(LENGTHS, st.booleans())
def test_batches_hold_the_tokens_and_labels_of_their_examples(lengths, per_token):
    rows = examples(lengths, per_token=per_token)
    for layout in layouts(rows.lengths):
        for place in places(rows.lengths, layout, order=np.random.default_rng(2)):
            batch = materialise(rows, layout, place)
            shape = (layout.rows[place.bucket], layout.widths[place.bucket])
            assert batch["ids"].shape == batch["segments"].shape == shape
            assert (batch["ids"] > 0).sum() == rows.lengths[place.examples].sum()
            assert ((batch["segments"] > 0) == (batch["ids"] > 0)).all()
            for slot, example in enumerate(place.examples):
                row, column = place.rows[slot], place.columns[slot]
                span = slice(column, column + lengths[example])
                wanted = rows.ids[rows.offsets[example] : rows.offsets[example + 1]]
                assert (batch["ids"][row, span] == wanted).all()
                assert (batch["positions"][row, span] == np.arange(lengths[example])).all()
                assert len(set(batch["segments"][row, span])) <= 1
                assert tuple(batch["first"][slot]) == (row, column)
                if per_token:
                    assert (batch["labels"][row, span] == wanted * 7).all()
                else:
                    assert batch["labels"][slot] == example
            scored = (batch["labels"] != IGNORED).sum()
            assert scored == (rows.lengths[place.examples].sum() if per_token else len(place.rows))


@given(LENGTHS)
def test_examples_in_a_row_do_not_overlap_and_differ_in_segment(lengths):
    rows = examples(lengths)
    layout = packed(rows.lengths, batch_size=6, width=32)
    for place in places(rows.lengths, layout, order=np.random.default_rng(3)):
        batch = materialise(rows, layout, place)
        for row in range(layout.rows[0]):
            inside = [n for n in np.flatnonzero(place.rows == row) if lengths[place.examples[n]]]
            spans = sorted((place.columns[n], lengths[place.examples[n]]) for n in inside)
            ends = [start + size for start, size in spans]
            assert all(end <= start for end, (start, _) in zip(ends, spans[1:], strict=False))
            segments = {int(batch["segments"][row, place.columns[n]]) for n in inside}
            assert len(segments) == len(inside)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 9 * STEP), min_size=1, max_size=25), st.integers(1, 4))
def test_chosen_widths_pad_least(lengths, count):
    needed = [max(STEP, -(-length // STEP) * STEP) for length in lengths]

    def padded(widths):
        return sum(min(w for w in widths if w >= one) for one in needed)

    widths = choose_widths(np.array(lengths), count)
    assert len(widths) <= count
    best = min(
        padded({*chosen, max(needed)})
        for size in range(count)
        for chosen in itertools.combinations(sorted(set(needed)), size)
    )
    assert padded(widths) == best


@pytest.mark.parametrize("length", [1, 9, 12, 30, 31, 32])
def test_no_row_is_wider_than_the_model_has_positions(length):
    """Texts that are as long as `model.length` lets them, which need not be a multiple."""
    model = TransformerSettings(length=length, width=8, feed_forward=8, hidden=4)
    lengths = np.array([length, length, max(1, length - 9), 1])
    layout = transformer.layout({"model": model.model_dump()}, lengths, batch_size=2)
    assert layout.widths[-1] == length
    rows = examples(lengths.tolist())
    classifier = TransformerClassifier(model, vocabulary=int(rows.ids.max()) + 1, classes=3)
    for place in places_in_order(rows, layout):
        assert np.isfinite(classifier.logits(materialise(rows, layout, place))).all()
    assert hub.layout({}, lengths, batch_size=2).widths[-1] == length


def test_packing_fills_rows_nearly_to_the_brim():
    lengths = np.random.default_rng(0).integers(5, 70, 4000)
    layout = packed(lengths, batch_size=32, width=128)
    found = places(lengths, layout, order=np.random.default_rng(1))
    assert lengths.sum() / (len(found) * layout.rows[0] * 128) > 0.93


def test_features_go_through_as_they_are_and_the_last_batch_is_filled_up():
    features = np.arange(14, dtype=np.float16).reshape(7, 2)
    rows = FeatureExamples(features, np.arange(7, dtype=np.int32))
    layout = single(batch_size=4)
    found = places(rows.lengths, layout, order=None)
    batches = [materialise(rows, layout, place) for place in found]
    assert [batch["features"].shape for batch in batches] == [(4, 2), (4, 2)]
    assert batches[1]["labels"].tolist() == [4, 5, 6, IGNORED]
    assert batches[1]["features"].dtype == np.float32


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same_batches(seed):
    lengths = np.random.default_rng(5).integers(1, 60, 200)
    for layout in layouts(lengths):
        one, two, other = (
            places(lengths, layout, order=np.random.default_rng(s)) for s in (seed, seed, seed + 1)
        )
        assert all((a.examples == b.examples).all() for a, b in zip(one, two, strict=True))
        assert [list(p.examples) for p in one] != [list(p.examples) for p in other]


@given(LENGTHS, st.integers(1, 3), st.integers(1, 3))
def test_steps_are_counted_without_planning_them(lengths, group, run):
    rows = examples(lengths)
    layout = bucketed(rows.lengths, batch_size=4, shapes=3, most=90)
    feed = ExampleFeed(rows, layout, seed=1, group=group, run=run)
    assert [len(feed.steps(epoch)) for epoch in range(3)] == [feed.count()] * 3


def test_of_all_epochs_one_plan_is_kept_at_a_time():
    rows = examples([3, 40, 7, 81, 20])
    for layout in layouts(rows.lengths):
        feed = ExampleFeed(rows, layout, seed=1)
        assert feed.count() == len(feed.steps(0))
        plans = [weakref.ref(feed.steps(epoch)) for epoch in range(4)]
        gc.collect()
        assert [plan() is None for plan in plans] == [True, True, True, False]


@pytest.mark.parametrize("group", [1, 4])
def test_a_plan_is_some_numbers_an_example_and_no_object_a_batch(group):
    rows = examples(np.random.default_rng(0).integers(1, 60, 20_000).tolist())
    for layout in layouts(rows.lengths):
        feed = ExampleFeed(rows, layout, seed=1, group=group)
        tracemalloc.start()
        plan = feed.steps(0)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(plan) > 1000
        assert held < 25 * len(rows)
