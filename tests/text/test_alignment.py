"""Word tags to piece labels and back, for every kind of tokenizer."""

import json
import os
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nightloom.data.labels.ignored import IGNORED
from nightloom.errors import InputError
from nightloom.text.alignment import SCHEMA, Aligned, Aligner, later_labels
from nightloom.text.windows import cover
from nightloom.text.word_pieces import WordCutter
from nightloom.training.examples import read_examples
from nightloom.training.stitching import read_stitching
from tests.text.tiny_tokenizers import KINDS, WORDS, tiny

LONGEST = 512
"""Pieces that the tiny checkpoints take."""
CASES = int(os.environ.get("NIGHTLOOM_FUZZ_CASES", "0"))
NAMES = ["I-LOC", "O", "B-PER", "B-LOC", "B-a-b", "I-PER", "I-a-b"]
"""In no order that numbers could be guessed from."""

WORD = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        ["", " ", "\x00", "\u200b", "\u0301", "\ufffd", "New York", "[SEP]", "x" * 120]
    ),
    st.text(max_size=4),
    st.characters(exclude_categories=["Cs"]),
)
TAGGED = st.lists(
    st.lists(st.tuples(WORD, st.integers(0, len(NAMES) - 1)), min_size=1, max_size=14),
    min_size=1,
    max_size=6,
)


@cache
def folder(kind: str) -> Path:
    """A tokenizer of this kind on disk, as `adapt_tokenizer` leaves it."""
    path = Path(mkdtemp(prefix=f"tokenizer-{kind}-"))
    tiny(kind).save_pretrained(path)
    described = path / "tokenizer_config.json"
    values = json.loads(described.read_text("utf-8")) | {"model_max_length": 512}
    described.write_text(json.dumps(values), "utf-8")
    return path


@cache
def aligner(kind: str, length: int = LONGEST, overlap: int = 0, later: Any = "inside") -> Aligner:
    return Aligner(
        folder(kind), label_names=NAMES, length=length, overlap=overlap, later_pieces=later
    )


def align(by: Aligner, sentences: list[list[tuple[str, int]]], first: int = 0) -> Aligned:
    tokens = pa.array([[word for word, _ in one] for one in sentences], pa.list_(pa.string()))
    tags = pa.array([[tag for _, tag in one] for one in sentences], pa.list_(pa.int64()))
    return by.align(tokens, tags, first=first)


def write(path: Path, *batches: pa.RecordBatch) -> Path:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return path


def decoded(path: Path) -> list[list[int]]:
    """Tags of each sentence, from the labels alone."""
    stitching = read_stitching(path)
    labels = stitching.words(read_examples(path).labels)
    return [found.tolist() for found in stitching.sentences(labels)]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=CASES or 60, deadline=None)
@given(
    sentences=TAGGED,
    length=st.integers(4, 20),
    overlap=st.integers(0, 12),
    later=st.sampled_from(["inside", "ignore"]),
)
def test_labels_of_any_alignment_give_back_any_tagging(
    kind: str, sentences: list[list[tuple[str, int]]], length: int, overlap: int, later: str
) -> None:
    by = aligner(kind, length, min(overlap, length - 3), later)
    half = len(sentences) // 2
    parts = [align(by, sentences[half:], first=half)]
    if half:
        parts.insert(0, align(by, sentences[:half]))
    path = write(folder(kind) / "split.arrow", *(part.rows for part in parts))
    assert decoded(path) == [[tag for _, tag in one] for one in sentences]
    assert max(read_examples(path).lengths) <= length


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "roberta"])
@settings(max_examples=CASES or 40, deadline=None)
@given(sentences=TAGGED)
def test_ids_are_those_of_the_fast_tokenizer_given_the_words(
    kind: str, sentences: list[list[tuple[str, int]]]
) -> None:
    texts = [[word for word, _ in sentence] for sentence in sentences]
    given_words = [tiny(kind)(words, is_split_into_words=True) for words in texts]
    assume(all(len(one["input_ids"]) <= LONGEST for one in given_words))  # else there are windows
    found = align(aligner(kind), sentences)
    unknown = tiny(kind).unk_token_id
    for row, words, expected in zip(found.rows.to_pylist(), texts, given_words, strict=True):
        kept = [i for i, n in enumerate(expected.word_ids()) if n is not None]
        covered = {expected.word_ids()[i] for i in kept}
        ours = row["ids"]
        if len(covered) == len(words):
            assert ours == expected["input_ids"]
            continue
        # a word of which nothing is kept stands as the unknown piece
        body = [expected["input_ids"][i] for i in kept]
        of = [expected.word_ids()[i] for i in kept]
        for missing in sorted(set(range(len(words))) - covered):
            at = next((i for i, n in enumerate(of) if n > missing), len(of))
            body.insert(at, unknown)
            of.insert(at, missing)
        edges = len(expected["input_ids"]) - len(kept)
        assert ours[1 : len(ours) - edges + 1] == body


def test_a_roberta_that_adds_no_space_sees_words_as_in_running_text() -> None:
    words = ["the", "quick", "brown", "fox"]
    found = align(aligner("roberta"), [[(word, 0) for word in words]] * 2)
    expected = tiny("roberta")(" ".join(words))["input_ids"]
    assert found.rows.column("ids").to_pylist() == [expected, expected]


def test_first_pieces_keep_the_tag_and_later_ones_get_i_of_its_type_or_none() -> None:
    sentence = [("lazydog", NAMES.index("B-a-b")), ("lazydog", NAMES.index("O")), ("a", 2)]
    inside, ignore = (
        align(aligner("bert", later=later), [sentence]).rows.to_pylist()[0]
        for later in ("inside", "ignore")
    )
    pieces = tiny("bert").tokenize("lazydog")
    assert len(pieces) > 1
    more = len(pieces) - 1
    outer = [IGNORED]
    assert inside["labels"] == [*outer, 4, *[6] * more, 1, *[1] * more, 2, *outer]
    assert ignore["labels"] == [*outer, 4, *outer * more, 1, *outer * more, 2, *outer]
    assert inside["words"] == [-1, 0, *[-1] * more, 1, *[-1] * more, 2, -1]
    assert inside["ids"] == ignore["ids"]


def test_words_of_which_nothing_is_kept_stay_as_unknown_and_are_counted() -> None:
    sentence = [("", 2), ("a", 5), ("\x00", 5), ("dog", 1)]
    found = align(aligner("bert"), [sentence, [("\u200b", 3)]])
    assert found.dropped == 3
    unknown = tiny("bert").unk_token_id
    rows = found.rows.to_pylist()
    assert rows[0]["ids"][1] == rows[0]["ids"][3] == rows[1]["ids"][1] == unknown
    assert rows[0]["labels"][1:5] == [2, 5, 5, 1]
    assert rows[1]["labels"] == [IGNORED, 3, IGNORED]


def test_a_long_sentence_becomes_windows_that_overlap() -> None:
    sentence = [(word, 1) for word in ["a", "the"] * 15]
    found = align(aligner("bert", 12, 4), [[("a", 0)], sentence])
    assert found.cut == 1
    rows = found.rows.to_pylist()
    assert [row["sentence"] for row in rows] == [0, *[1] * 5]
    assert [len(row["ids"]) for row in rows[1:]] == [12] * 5
    decided = [[word for word in row["words"] if word >= 0] for row in rows[1:]]
    assert [word for row in decided for word in row] == list(range(30))
    assert rows[1]["ids"][7:11] == rows[2]["ids"][1:5], "four pieces in common"
    assert decided[0] == list(range(8)), "the first decides the left half of them"


@given(
    lengths=st.lists(st.integers(0, 300), max_size=8),
    room=st.integers(1, 40),
    share=st.floats(0, 0.999),
)
def test_windows_cover_every_piece_and_decide_it_once(
    lengths: list[int], room: int, share: float
) -> None:
    overlap = int(room * share)
    windows = cover(np.array(lengths), room=room, overlap=overlap)
    for row, length in enumerate(lengths):
        mine = np.flatnonzero(windows.owner == row)
        decided = [n for i in mine for n in range(windows.low[i], windows.high[i])]
        assert decided == list(range(length))
        for i in mine:
            end = windows.start[i] + windows.size[i]
            assert windows.start[i] <= windows.low[i] <= windows.high[i] <= end <= length
            assert windows.size[i] == min(room, length)
        gaps = np.diff(windows.start[mine])
        assert (gaps >= 1).all()
        assert (gaps <= room - overlap).all()
        edges = np.minimum(windows.low[mine[1:]] - windows.start[mine[1:]], room)
        assert (edges >= overlap // 2).all(), "context on the left"


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    cases = [
        ({"length": 513, "overlap": 0}, r"model\.length=513: this checkpoint takes at most 512"),
        ({"length": 8, "overlap": 6}, r"model\.overlap=6: expected less than 6"),
        ({"length": 2, "overlap": 0}, r"model\.length=2: expected at least 3"),
    ]
    for given_, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            aligner("bert", **given_)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="expected a tag I-X for tag B-X"):
        later_labels(["O", "B-X"])


def test_repeated_words_are_cut_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cutter = WordCutter(folder("bert"))
    seen: list[list[str]] = []
    backend = cutter._backend

    class Watched:
        def encode_batch_fast(self, words: list[str], **options: Any) -> Any:
            seen.append(words)
            return backend.encode_batch_fast(words, **options)

    monkeypatch.setattr(cutter, "_backend", Watched())
    words = pa.array(["dog", "a", "dog", "dog"])
    found = cutter.cut(words, np.array([True, False, False, False]))
    assert seen == [["dog", "a"]]
    assert found.counts.sum() == len(found.ids)


@pytest.mark.real_data
def test_no_entity_of_conll_is_lost_whatever_the_length(
    shared_data: Path, minilm_dir: Path, tmp_path: Path
) -> None:
    from nightloom.data.arrow import open_split
    from nightloom.data.build import build_dataset
    from nightloom.evaluation.spans import spans_of
    from nightloom.settings.data import EntityDataSettings

    source = EntityDataSettings(source=str(shared_data / "conll2003"))
    facts = build_dataset(source, tmp_path / "data")
    names = facts["label_names"]
    for length, overlap in ((128, 32), (16, 4)):
        by = Aligner(
            minilm_dir, label_names=names, length=length, overlap=overlap, later_pieces="inside"
        )
        first, batches = 0, []
        for batch in open_split(tmp_path / "data" / "test", ["tokens", "tags"]):
            batches.append(by.align(batch.column("tokens"), batch.column("tags"), first=first).rows)
            first += batch.num_rows
        found = decoded(write(tmp_path / "test.arrow", *batches))
        counts = dict.fromkeys(facts["entities"]["test"], 0)
        for tags in found:
            for span in spans_of([names[tag] for tag in tags]):
                counts[span.type] += 1
        assert counts == facts["entities"]["test"]
