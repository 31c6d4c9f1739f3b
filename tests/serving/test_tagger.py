"""Taggers from raw strings, against transformers' own pipeline and against their parts."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloom.serving.answers.entities import EntityPredictor
from nightloom.serving.entities import entities_of, tags_of_words, words_as_text
from nightloom.serving.rows import batch_of
from nightloom.serving.saved import open_saved
from nightloom.serving.tagger import SavedTagger, TaggedText
from nightloom.text.graph_tokenizer import load_fast
from nightloom.text.windows import cover
from tests.encoders.tiny import WORDS
from tests.serving.tagger import LENGTH, OVERLAP, TAGS, Exported

TEXTS = [
    "the cat sat on the mat",
    "",
    "   ",
    "two  spaces   and\ttabs, and\nlines",
    "👍 the 👩‍👩‍👧 cat 🏳️‍🌈 dog",
    "e\u0301 the ca\u0301t A\u030a \u0301dog",
    "İstanbul 東京 Москва the ﬁne ½",
    "a [SEP] dog <s> </s> [MASK] ##x ▁the",
    "home runs very fast , not the red mat .",
]
WINDOWED = [" ".join(WORDS[(i * i + k) % len(WORDS)] for i in range(160)) for k in range(3)]


def predicted(exported: Exported, texts: list[str]) -> list[dict]:
    predictor = EntityPredictor(exported.tagger, exported.spelling)
    return list(predictor.predict(texts, batch_size=4))


def test_entities_are_those_of_the_pipeline_of_transformers(exported):
    pipe = transformers.pipeline(
        "token-classification",
        model=str(exported.huggingface),
        aggregation_strategy="simple",
        device="cpu",
    )
    found = predicted(exported, TEXTS)
    assert [one["text"] for one in found] == TEXTS
    assert sum(len(one["entities"]) for one in found) > 5
    for text, ours in zip(TEXTS, found, strict=True):
        theirs = pipe(text)
        names = ("entity_group", "word", "start", "end")
        assert [[one[name] for name in names] for one in ours["entities"]] == [
            [one[name] for name in names] for one in theirs
        ], ascii(text)
        np.testing.assert_allclose(
            [one["score"] for one in ours["entities"]], [one["score"] for one in theirs], atol=1e-4
        )


def test_offsets_index_the_string_that_was_given(exported):
    prefix = "👩‍👩‍👧  e\u0301\u00a0 "
    for text in TEXTS:
        [plain], [moved] = predicted(exported, [text]), predicted(exported, [prefix + text])
        for one in (plain, moved):
            for entity in one["entities"]:
                assert 0 <= entity["start"] <= entity["end"] <= len(one["text"])
    [found] = exported.tagger.tag(["the 👍 cat"])
    spans = ["the 👍 cat"[a:b] for a, b in zip(found.starts, found.ends, strict=True)]
    assert "".join(spans).replace(" ", "").startswith("the")
    assert spans[-1] == "t" or spans[-1].strip() == "cat"


def test_a_text_longer_than_the_model_takes_is_tagged_to_its_end(exported):
    fast = load_fast(exported.huggingface)
    text = WINDOWED[0]
    [found] = exported.tagger.tag([text])
    whole = fast(text, add_special_tokens=False, return_offsets_mapping=True)
    assert found.ids.tolist() == whole["input_ids"]
    assert len(found.ids) > 2 * LENGTH
    spans = list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))
    assert spans == whole["offset_mapping"]
    before, after = ([special] for special in fast("")["input_ids"])
    windows = cover(np.array([len(found.ids)]), room=LENGTH - 2, overlap=OVERLAP)
    expected = np.zeros((len(found.ids), len(TAGS)), np.float32)
    for start, size, low, high in zip(*windows[1:], strict=True):
        ids = [*before, *found.ids[start : start + size].tolist(), *after]
        logits = exported.model.logits(batch_of(tf.ragged.constant([ids], tf.int32)))
        expected[low:high] = tf.nn.softmax(logits)[0, 1 + low - start : 1 + high - start]
    assert found.labels == [TAGS[tag] for tag in expected.argmax(axis=1)]
    np.testing.assert_allclose(found.scores, expected.max(axis=1), atol=1e-5)


def test_answers_do_not_depend_on_what_is_answered_together(exported):
    texts = [*TEXTS, *WINDOWED, *TEXTS[::-1]]
    together = list(exported.tagger.tag(texts, batch_size=len(texts)))
    for text, found in zip(texts, together, strict=True):
        [alone] = exported.tagger.tag([text])
        assert alone.labels == found.labels
        np.testing.assert_allclose(alone.scores, found.scores, atol=1e-5)
    assert list(exported.tagger.tag([])) == []
    nothing = exported.tagger._tag(text=tf.constant([], tf.string))
    assert nothing["pieces"].shape == (0,)


def test_more_windows_than_go_through_at_once(exported):
    text = " ".join(WINDOWED * 12)
    [found] = exported.tagger.tag([text])
    assert len(found.ids) > 64 * (LENGTH - 2 - OVERLAP)
    assert len(found.labels) == len(found.scores) == len(found.ids)
    [again] = exported.tagger.tag([text])
    assert again.labels == found.labels
    [short] = exported.tagger.tag([" ".join(WINDOWED)])
    kept = len(short.labels) - LENGTH
    assert found.labels[:kept] == short.labels[:kept], "what comes later changes nothing before"


def test_characters_that_are_none_keep_the_offsets(exported):
    text = "the \udcff cat"
    [found] = exported.tagger.tag([text])
    [plain] = exported.tagger.tag(["the ? cat"])
    assert found.starts.tolist() == plain.starts.tolist()


def test_tags_of_words_are_those_of_their_first_pieces():
    words = ["New", "York", "", "x", "\x00", "dog"]
    assert words_as_text(words) == "New York  x \x00 dog"
    pieces = [
        ("New", 0, 3),
        ("Yo", 4, 6),
        ("##rk", 6, 8),
        ("▁", 8, 9),
        ("x", 10, 11),
        ("d", 14, 15),
    ]
    labels = ["B-LOC", "I-LOC", "O", "B-PER", "I-PER", "O"]
    tagged = TaggedText(
        ids=np.arange(6),
        labels=labels,
        scores=np.ones(6, np.float32),
        starts=np.array([start for _, start, _ in pieces]),
        ends=np.array([end for *_, end in pieces]),
    )
    assert tags_of_words(words, tagged) == ["B-LOC", "I-LOC", "B-PER", "I-PER", "O", "O"]


@settings(max_examples=30, deadline=None)
@given(labels=st.lists(st.sampled_from(TAGS), max_size=12))
def test_entities_cover_the_pieces_of_their_type(labels):
    text = "x" * len(labels)
    tagged = TaggedText(
        ids=np.arange(len(labels)),
        labels=labels,
        scores=np.linspace(0.5, 1, len(labels), dtype=np.float32),
        starts=np.arange(len(labels)),
        ends=np.arange(len(labels)) + 1,
    )
    found = entities_of(text, tagged, spell=lambda ids, parts: "".join(parts))
    covered = [n for one in found for n in range(one["start"], one["end"])]
    assert covered == [n for n, label in enumerate(labels) if label != "O"]
    for one in found:
        inner = labels[one["start"] : one["end"]]
        assert {label[2:] for label in inner} == {one["entity_group"]}
        assert not any(label.startswith("B-") for label in inner[1:])


def test_the_kind_of_a_saved_model_is_seen_from_its_signatures(exported):
    saved = open_saved(exported.saved_model)
    assert isinstance(saved, SavedTagger)
    assert saved.label_names == list(TAGS)


def test_plain_tensorflow_loads_it(exported):
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['nightloom', 'keras', 'transformers', 'tokenizers']))\n"
        "import tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "answer = model(text=tf.constant(['the cat sat', '']))\n"
        "count = answer['pieces'].numpy()\n"
        "assert count[0] >= 3 and count[1] == 0, answer\n"
        "assert all(answer[name].shape == (2, count[0]) for name in\n"
        "           ('id', 'label', 'score', 'start', 'end')), answer\n"
        "print(answer['end'].numpy()[0, count[0] - 1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(exported.saved_model)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(len("the cat sat"))


@pytest.mark.parametrize(
    "words", [WORDS[:9], ["the", "", "cat", "\x00", "dog,"], ["the", "dogs"] * 50]
)
def test_words_get_the_tags_that_evaluation_gives_them(exported, words, tmp_path):
    """The champion is scored from text, the new model from words: the same model, the same tags."""
    import pyarrow as pa

    from nightloom.text.alignment import SCHEMA, Aligner
    from nightloom.training.batches import packed
    from nightloom.training.examples import read_examples
    from nightloom.training.scoring import Scorer
    from nightloom.training.stitching import read_stitching

    kept = [word for word in words if word.strip("\x00")]
    aligner = Aligner(
        exported.huggingface,
        label_names=TAGS,
        length=LENGTH,
        overlap=OVERLAP,
        later_pieces="inside",
    )
    tokens = pa.array([kept, kept[::-1]], pa.list_(pa.string()))
    tags = pa.array([[0] * len(kept)] * 2, pa.list_(pa.int64()))
    path = tmp_path / "test.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        stream.write_batch(aligner.align(tokens, tags, first=0).rows)
    examples = read_examples(path)
    layout = packed(examples.lengths, batch_size=4, width=64)
    outputs = Scorer(exported.model, jit_compile=False).outputs(examples, layout)
    stitching = read_stitching(path)
    best = stitching.words(outputs).argmax(axis=1)
    ours = [[TAGS[tag] for tag in found] for found in stitching.sentences(best)]
    found = exported.tagger.tag([words_as_text(kept), words_as_text(kept[::-1])])
    theirs = [
        tags_of_words(one, tagged) for one, tagged in zip([kept, kept[::-1]], found, strict=True)
    ]
    assert ours == theirs
