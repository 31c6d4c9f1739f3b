"""The built-in data: always the same, learnable, and not too easy."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from nightloom.data.build import build_dataset
from nightloom.data.labels.tag_schemes import impossible, spans
from nightloom.data.sources.sample_rows import sample_sentences, sample_texts
from nightloom.data.sources.sample_words import CLASSES, PEOPLES
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings


def test_the_sample_is_the_same_for_ever() -> None:
    texts = hashlib.sha256(repr(list(sample_texts("train"))).encode()).hexdigest()
    sentences = hashlib.sha256(repr(list(sample_sentences("train"))).encode()).hexdigest()
    assert texts[:16] == "1ddb6156fd0b85c7"
    assert sentences[:16] == "b17152968a7cdb22"


def test_texts_are_hard_but_learnable() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, train_labels = zip(*sample_texts("train"), strict=True)
    test, test_labels = zip(*sample_texts("test"), strict=True)
    model = make_pipeline(CountVectorizer(), LogisticRegression(C=0.1, max_iter=200))
    model.fit(train, train_labels)
    assert 0.88 < model.score(test, test_labels) < 0.96
    assert set(Counter(train_labels)) == set(CLASSES)
    assert min(Counter(train_labels).values()) > 1300


def test_sentences_have_ambiguous_names_of_all_types() -> None:
    kinds: dict[str, set[str]] = {}
    entities: Counter[str] = Counter()
    for split in ("train", "test"):
        for tokens, tags in sample_sentences(split):
            assert len(tokens) == len(tags)
            assert all(tokens)
            assert impossible(tags, "iob2") == []
            for kind, start, end in spans(tags):
                entities[kind] += 1
                kinds.setdefault(" ".join(tokens[start:end]), set()).add(kind)
    assert set(entities) == {"PER", "ORG", "LOC", "MISC"}
    assert {"PER", "ORG"} in kinds.values()
    assert {"LOC", "ORG"} in kinds.values()


def test_some_names_are_tagged_wrong() -> None:
    tags = Counter(
        tag
        for tokens, sentence in sample_sentences("train")
        for token, tag in zip(tokens, sentence, strict=True)
        if token in PEOPLES
    )
    assert set(tags) == {"B-MISC", "O", "B-PER", "B-ORG", "B-LOC"}
    assert 0.005 < 1 - tags["B-MISC"] / tags.total() < 0.06


def test_both_tasks_build(tmp_path: Path) -> None:
    texts = build_dataset(TextDataSettings(source="sample"), tmp_path / "texts")
    assert texts["rows"] == {"train": 5433, "valid": 567, "test": 1500}
    assert texts["label_names"] == ["Business", "Sci/Tech", "Sports", "World"]
    sentences = build_dataset(EntityDataSettings(source="sample"), tmp_path / "sentences")
    assert sentences["rows"] == {"train": 1743, "valid": 222, "test": 500}
    assert sentences["near"]["dropped"] == 1778 - 1743
    (warning,) = sentences["warnings"]
    assert warning.startswith("35 training sentences are near-duplicates of a test sentence")


@pytest.mark.parametrize("name", ["text", "label"])
def test_columns_that_it_does_not_have_are_refused(name: str, tmp_path: Path) -> None:
    settings = TextDataSettings(source="sample", **{name: "title"})
    with pytest.raises(InputError, match=rf"^data.source=sample has .*; leave out data.{name},"):
        build_dataset(settings, tmp_path)
