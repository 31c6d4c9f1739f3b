"""Scoring a tagger on its validation part: words from windows, whole entities, the best epoch."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from nightloom.data.labels.ignored import IGNORED
from nightloom.text.alignment import SCHEMA
from nightloom.training.objective import Entities
from nightloom.training.stitching import Stitching, read_stitching

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def write(path, rows):
    """rows: (ids, labels, sentence, words)."""
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(list(column), field.type) for column, field in zip(columns, SCHEMA, strict=True)
    ]
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
    return path


def test_words_come_from_the_window_that_decides_them(tmp_path):
    path = write(
        tmp_path / "valid.arrow",
        [
            ([2, 10, 11, 3], [IGNORED, 1, 2, IGNORED], 0, [-1, 0, 1, -1]),
            ([2, 12, 13, 14, 3], [IGNORED, 3, 4, 0, IGNORED], 1, [-1, 0, -1, -1, -1]),
            ([2, 13, 14, 3], [IGNORED, 4, 0, IGNORED], 1, [-1, 1, 2, -1]),
        ],
    )
    stitching = read_stitching(path)
    assert stitching.pieces.tolist() == [1, 2, 5, 10, 11]
    values = np.arange(13) * 10
    parts = stitching.sentences(stitching.words(values))
    assert [part.tolist() for part in parts] == [[10, 20], [50, 100, 110]]


def test_no_sentences_at_all(tmp_path):
    path = write(tmp_path / "valid.arrow", [([], [], 0, [])])
    stitching = read_stitching(path)
    assert stitching.sentences(stitching.words(np.zeros(0))) == []


TAGS = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9),
    min_size=1,
    max_size=5,
)


@settings(max_examples=80, deadline=None)
@given(sentences=TAGS)
def test_scores_are_those_of_seqeval_over_the_words(sentences):
    """Pieces that decide nothing are labelled and predicted at random, and do not count."""
    draw = np.random.default_rng(len(sentences))
    outputs, labels, places, at = [], [], [], 0
    for sentence in sentences:
        gold, predicted = [IGNORED], [0]
        for wanted, got in sentence:
            places.append(at + len(gold))
            more = int(draw.integers(0, 3))
            gold += [wanted, *[IGNORED] * more]
            predicted += [got, *draw.integers(0, 5, more).tolist()]
        labels.append(np.array(gold, np.int32))
        logits = draw.normal(size=(len(gold), 5)).astype(np.float32)
        logits[np.arange(len(gold)), predicted] += 20
        outputs.append(logits)
        at += len(gold)
    sizes = [len(sentence) for sentence in sentences]
    stitching = Stitching(np.array(places), np.concatenate([[0], np.cumsum(sizes)]))
    found = Entities(stitching, NAMES).metrics(np.concatenate(outputs), np.concatenate(labels))
    gold_names = [[NAMES[wanted] for wanted, _ in sentence] for sentence in sentences]
    names = [[NAMES[got] for _, got in sentence] for sentence in sentences]
    options = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    if any(name[0] == "B" for part in (gold_names, names) for one in part for name in one):
        assert found["f1"] == pytest.approx(f1_score(gold_names, names, **options))
        assert found["precision"] == pytest.approx(precision_score(gold_names, names, **options))
        assert found["recall"] == pytest.approx(recall_score(gold_names, names, **options))
    pairs = [pair for sentence in sentences for pair in sentence]
    assert found["accuracy"] == pytest.approx(np.mean([a == b for a, b in pairs]))
    assert found["loss"] >= 0


def test_the_loss_is_the_mean_over_labelled_pieces():
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]], np.float32))
    stitching = Stitching(np.array([0]), np.array([0, 1]))
    objective = Entities(stitching, ["O", "B-X", "I-X"])
    found = objective.metrics(logits, np.array([0, 1, IGNORED]))
    assert found["loss"] == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2, rel=1e-6)
    assert objective.monitor == "f1"
