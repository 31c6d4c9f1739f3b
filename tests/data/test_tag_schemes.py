"""Tag schemes: reading and writing are inverse, and what is impossible is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloom.data.labels.tag_schemes import (
    SCHEMES,
    SchemeCount,
    Span,
    impossible,
    is_tag,
    spans,
    tags_from_spans,
)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans that do not overlap (touching ones too) and the length of their sentence."""
    found, at = [], 0
    for gap, length, kind in draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(["PER", "A-B", "X"]))
        )
    ):
        found.append((kind, at + gap, at + gap + length))
        at += gap + length
    return found, at + draw(st.integers(0, 3))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(sentence=sentences())
def test_reading_what_was_written(scheme: str, sentence: tuple[list[Span], int]) -> None:
    found, length = sentence
    tags = tags_from_spans(found, length, scheme)
    assert len(tags) == length
    assert spans(tags) == found
    assert impossible(tags, scheme) == []


@given(sentence=sentences())
def test_iobes_is_read_as_bilou(sentence: tuple[list[Span], int]) -> None:
    found, length = sentence
    tags = [
        {"L": "E", "U": "S"}.get(tag[0], tag[0]) + tag[1:]
        for tag in tags_from_spans(found, length, "bilou")
    ]
    assert spans(tags) == found
    assert impossible(tags, "bilou") == []


@given(
    st.lists(
        st.sampled_from(["O", *(f"{p}-{t}" for p in "BILUES" for t in ("PER", "LOC"))]),
        max_size=12,
    )
)
def test_every_sequence_has_a_reading(tags: list[str]) -> None:
    found = spans(tags)
    covered = [at for _, start, end in found for at in range(start, end)]
    assert covered == [at for at, tag in enumerate(tags) if tag != "O"]
    repaired = tags_from_spans(found, len(tags), "iob2")
    assert spans(repaired) == found
    assert impossible(repaired, "iob2") == []


@given(st.lists(sentences(), min_size=1, max_size=20), st.sampled_from(SCHEMES))
def test_detected_scheme_explains_the_tags(
    corpus: list[tuple[list[Span], int]], scheme: str
) -> None:
    count = SchemeCount()
    tagged = [tags_from_spans(found, length, scheme) for found, length in corpus]
    for tags in tagged:
        count.add(tags)
    assert all(impossible(tags, count.scheme) == [] for tags in tagged)


@pytest.mark.parametrize(
    ("scheme", "tags", "positions"),
    [
        ("iob2", "O I-PER", [1]),
        ("iob2", "B-PER I-LOC", [1]),
        ("iob2", "I-PER I-PER", [0]),
        ("iob1", "I-PER B-PER", []),
        ("iob1", "O B-PER", [1]),
        ("iob1", "I-LOC B-PER", [1]),
        ("bilou", "B-PER O", [1]),
        ("bilou", "B-PER", [0]),
        ("bilou", "B-PER I-PER", [1]),
        ("bilou", "L-PER", [0]),
        ("bilou", "B-PER U-PER", [1]),
        ("bilou", "B-PER L-LOC", [1]),
        ("iob2", "U-PER", [0]),
    ],
)
def test_impossible_sequences(scheme: str, tags: str, positions: list[int]) -> None:
    assert [at for at, _ in impossible(tags.split(), scheme)] == positions


def test_conll_reading_of_broken_tags() -> None:
    assert spans(["I-PER", "I-LOC", "O", "L-LOC", "I-LOC"]) == [
        ("PER", 0, 1),
        ("LOC", 1, 2),
        ("LOC", 3, 4),
        ("LOC", 4, 5),
    ]


@pytest.mark.parametrize("tag", ["", "PER", "o", "B-", "B", "b-PER", "B_PER", "X-PER", "B- PER"])
def test_not_a_tag(tag: str) -> None:
    assert not is_tag(tag)
