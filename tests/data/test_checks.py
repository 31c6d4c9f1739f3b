"""What `check_data` finds in rows that were changed on purpose, and that chance alters nothing."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nightloom.data.checks.check import Checked, check
from nightloom.data.checks.languages import languages
from nightloom.data.checks.profile import Profile, profile
from nightloom.data.checks.rows import CheckedRows, look_at
from nightloom.data.checks.sampling import Sampler
from nightloom.data.checks.sentences import Sentences
from nightloom.data.checks.suspects import suspects_in
from nightloom.data.checks.texts import Texts
from nightloom.data.splits.content import content_numbers
from nightloom.settings.check import CheckSettings, EntityCheckSettings

NAMES = ("colours", "food", "sports")
TOPICS = (
    "red green blue yellow violet orange brown grey pink white".split(),
    "bread cheese apple soup rice pepper butter onion honey salt".split(),
    "goal match team coach league referee final score penalty cup".split(),
)
COMMON = "the of and to that with was for is this which have are not been they of in".split()
ROWS = 1200
Row = tuple[str, int]


def made(rows: int, *, seed: int) -> list[Row]:
    """Rows of three classes, each with words of its own among those of all."""
    draw = random.Random(seed)
    found = []
    for _ in range(rows):
        label = draw.randrange(3)
        words = draw.choices(TOPICS[label], k=5) + draw.choices(COMMON, k=7)
        words += [f"w{draw.randrange(400)}" for _ in range(3)]
        draw.shuffle(words)
        found.append((" ".join(words), label))
    return found


def looked(rows: list[Row], before: CheckedRows | None = None) -> CheckedRows:
    batch = pa.RecordBatch.from_pydict(
        {"text": [t for t, _ in rows], "label": [c for _, c in rows]}
    )
    return look_at([[batch], [], []], Texts(NAMES), sample=5000, before=before)


@pytest.fixture(scope="module")
def before() -> CheckedRows:
    return looked(made(ROWS, seed=1))


def told(checked: Checked) -> dict[str, str]:
    """The worst verdict of each test that found something."""
    found: dict[str, str] = {}
    for one in checked.findings:
        if one.verdict in ("warned", "refused") and found.get(one.test) != "refused":
            found[one.test] = one.verdict
    return found


def flipped(rows: list[Row], share: float) -> list[Row]:
    draw = random.Random(5)
    return [(t, (c + 1 + draw.randrange(2)) % 3 if draw.random() < share else c) for t, c in rows]


def foreign(rows: list[Row]) -> list[Row]:
    german = "der Minister hat sich auf eine Reform und nicht den Vertrag mit dem Land geeinigt"
    return [(f"{german} {at}", c) if at % 20 == 0 else (t, c) for at, (t, c) in enumerate(rows)]


CHANGES: dict[str, tuple[Callable[[list[Row]], list[Row]], dict[str, str]]] = {
    "half": (lambda rows: rows[: ROWS // 2], {"fewer": "refused"}),
    "doubled": (lambda rows: rows * 2, {"more": "warned", "repeated": "refused"}),
    "no-sports": (
        lambda rows: [row for row in rows if row[1] != 2],
        {"vanished_classes": "refused", "classes": "refused"},
    ),
    "flipped": (lambda rows: flipped(rows, 0.3), {"labels": "refused"}),
    "a-few-flipped": (lambda rows: flipped(rows, 0.06), {"labels": "warned"}),
    "german": (foreign, {"languages": "warned"}),
    "empty": (lambda rows: [(" ", c) for _, c in rows[:90]] + rows[90:], {"empty": "warned"}),
    "cut-off": (lambda rows: [(t[:20], c) for t, c in rows], {"lengths": "refused"}),
}


@pytest.mark.parametrize("change, expected", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_is_found(before, change, expected):
    rows = change(made(ROWS, seed=2))
    assert expected.items() <= told(check(looked(rows, before), before, CheckSettings())).items()


def test_labels_of_the_same_rows_that_changed_are_counted(before):
    rows = flipped(made(ROWS, seed=1), 0.05)
    found = told(check(looked(rows, before), before, CheckSettings()))
    assert found["relabelled"] == "warned"


def test_of_few_known_rows_one_with_another_label_is_no_finding(before):
    known = made(ROWS, seed=1)[:8]
    rows = [*made(ROWS, seed=2), *known[1:], (known[0][0], (known[0][1] + 1) % 3)]
    assert "relabelled" not in told(check(looked(rows, before), before, CheckSettings()))


def test_new_rows_are_looked_at_alone(before):
    """A tenth of the rows is new, of which a third has a wrong label."""
    old = made(ROWS, seed=1)
    rows = old[400:] + flipped(made(400, seed=2), 0.33)
    found = check(looked(rows, before), before, CheckSettings())
    verdicts = {(one.test, one.among): one.verdict for one in found.findings}
    assert verdicts["labels", "new"] == "refused"
    assert verdicts["relabelled", "all"] == "fine"
    assert found.new == 400


def test_chance_and_a_window_are_no_change(before):
    """Other rows of the same kind, and the same ones with a tenth replaced."""
    old = made(ROWS, seed=1)
    for seed in range(10, 12):
        rows = made(ROWS, seed=seed)
        for now in (rows, old[150:] + rows[:150], rows[:120]):
            checked = check(looked(now, before), before, CheckSettings(fewer=None))
            assert told(checked) == {}
            assert checked.verdict == "fine"


def test_too_few_rows_are_said_to_be_too_few(before):
    checked = check(looked(made(40, seed=3), before), before, CheckSettings(fewer=None))
    assert checked.verdict == "fine"
    few = {one.test for one in checked.findings if one.verdict == "open"}
    assert few == {"unknown", "apart", "labels"}
    assert suspects_in(looked(made(40, seed=3)), CheckSettings()) == ((), 0)


def test_new_classes_are_warned_of_or_as_it_is_set(before):
    rows = made(ROWS, seed=2)
    batch = pa.RecordBatch.from_pydict(
        {
            "text": [t for t, _ in rows],
            "label": [3 if n < 30 else c for n, (_, c) in enumerate(rows)],
        }
    )
    now = look_at([[batch], [], []], Texts((*NAMES, "law")), sample=5000, before=before)
    assert told(check(now, before, CheckSettings()))["new_classes"] == "warned"
    strict = CheckSettings(new_classes="refuse")
    assert told(check(now, before, strict))["new_classes"] == "refused"


def test_without_a_champion_rules_warn_and_refuse_nothing():
    rows = made(100, seed=1)
    contrary = [(text, (label + 1) % 3) for text, label in rows]
    checked = check(looked(rows + contrary), None, CheckSettings())
    assert told(checked) == {"repeated": "warned", "contradictory": "warned"}


def test_of_data_that_are_gone_a_summary_tells(before):
    known = Profile.of(profile(before).to_json())
    same = check(looked(made(ROWS, seed=2)), known, CheckSettings())
    assert told(same) == {}
    half = check(looked(made(ROWS // 2, seed=2)), known, CheckSettings())
    assert told(half) == {"fewer": "refused"}


def test_labels_that_are_wrong_are_named_with_what_they_may_be():
    rows = made(ROWS, seed=4)
    wrong = {at: (rows[at][1] + 1) % 3 for at in range(0, ROWS, 30)}
    given = [(text, wrong.get(at, label)) for at, (text, label) in enumerate(rows)]
    found, looked_at = suspects_in(looked(given), CheckSettings())
    assert looked_at == ROWS
    named = {one.row - 1: one for one in found}
    assert len(wrong.keys() & named.keys()) >= 0.9 * len(wrong)
    assert len(named.keys() - wrong.keys()) <= 0.2 * len(wrong)
    for at in wrong.keys() & named.keys():
        assert (named[at].split, named[at].text) == ("train", rows[at][0])
        assert named[at].label == NAMES[wrong[at]]
        assert named[at].suggested == NAMES[rows[at][1]]


def test_levels_of_a_test_are_its_settings(before):
    rows = looked(made(ROWS // 2, seed=2), before)
    assert told(check(rows, before, CheckSettings(fewer=(0.4,)))) == {"fewer": "warned"}
    assert told(check(rows, before, CheckSettings(fewer=(0.9, 0.95)))) == {}
    with pytest.raises(ValueError, match="the first warned from"):
        CheckSettings(fewer=(0.5, 0.1))


def tagged(rows: int, *, seed: int, kinds: tuple[str, ...] = ("LOC", "PER")) -> pa.RecordBatch:
    """Sentences with two entities each, of types by the first letter of the word."""
    draw = random.Random(seed)
    tokens = [[f"{draw.choice('xyz')}{draw.randrange(500)}" for _ in range(8)] for _ in range(rows)]
    tags = [[0] * 8 for _ in range(rows)]
    for one in tags:
        for at in draw.sample(range(8), 2):
            one[at] = 1 + draw.randrange(len(kinds))
    return pa.RecordBatch.from_pydict({"tokens": tokens, "tags": tags})


def test_types_and_entities_of_sentences():
    kind = Sentences(("O", "B-LOC", "B-PER", "I-LOC"))
    old = look_at([[tagged(800, seed=1)], [], []], kind, sample=5000)
    settings = EntityCheckSettings()

    def found(batch: pa.RecordBatch) -> dict[str, str]:
        now = look_at([[batch], [], []], kind, sample=5000, before=old)
        return told(check(now, old, settings))

    assert found(tagged(800, seed=2)) == {}
    assert found(tagged(800, seed=2, kinds=("LOC",)))["vanished_classes"] == "refused"
    bare = tagged(800, seed=2).to_pydict()
    bare["tags"] = [[0, 0, 0, *one[3:]] for one in bare["tags"]]
    assert found(pa.RecordBatch.from_pydict(bare)) == {"entities": "warned"}


TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
IN_ENTITIES = {1: "Lane River Hill Town".split(), 3: "Ada Bob Cleo Dan".split()}


def named(rows: int, *, seed: int) -> dict[str, list[list[Any]]]:
    """Sentences with a person and a place of two words each, known by their words."""
    draw = random.Random(seed)
    tokens, tags = [], []
    for _ in range(rows):
        words = [[(word, 0)] for word in [*draw.choices(COMMON, k=5), f"w{draw.randrange(900)}"]]
        words += [
            [(draw.choice(known), begin), (f"{known[0][0]}{draw.randrange(50)}", begin + 1)]
            for begin, known in IN_ENTITIES.items()
        ]
        draw.shuffle(words)
        tokens.append([word for lot in words for word, _ in lot])
        tags.append([tag for lot in words for _, tag in lot])
    return {"tokens": tokens, "tags": tags}


def mistagged(rows: dict[str, list[list[Any]]], share: float) -> tuple[dict[str, Any], list[int]]:
    """Some persons are called places; the sentences in which they are."""
    draw = random.Random(9)
    wrong = [at for at in range(len(rows["tags"])) if draw.random() < share]
    tags = [[*one] for one in rows["tags"]]
    for at in wrong:
        tags[at] = [tag - 2 if tag > 2 else tag for tag in tags[at]]
    return {**rows, "tags": tags}, wrong


def seen(rows: dict[str, Any], before: CheckedRows | None = None) -> CheckedRows:
    batch = pa.RecordBatch.from_pydict(rows)
    return look_at([[batch], [], []], Sentences(TAGS), sample=5000, before=before)


def test_tags_that_look_wrong_are_more_than_those_of_the_champion():
    old, settings = seen(named(900, seed=1)), EntityCheckSettings()
    rows = named(900, seed=2)
    assert told(check(seen(rows, old), old, settings)) == {}
    few, many = (mistagged(rows, share)[0] for share in (0.08, 0.5))
    assert told(check(seen(few, old), old, settings)) == {"labels": "warned"}
    found = check(seen(many, old), old, settings)
    assert told(found)["labels"] == "refused"
    [labels] = (one for one in found.findings if one.test == "labels")
    assert "% as many words as are in entities of all sentences look wrongly tagged" in labels.told
    off = EntityCheckSettings(labels=None)
    assert "labels" not in told(check(seen(many, old), old, off))


def test_words_whose_tag_is_wrong_are_named_together_with_what_they_may_be():
    rows = named(900, seed=3)
    given, wrong = mistagged(rows, 0.05)
    found, looked_at = suspects_in(seen(given), EntityCheckSettings())
    assert looked_at == sum(map(len, rows["tokens"]))
    named_at = {one.row - 1: one for one in found}
    assert len(set(wrong) & named_at.keys()) >= 0.9 * len(wrong)
    assert len(named_at.keys() - set(wrong)) <= 0.2 * len(wrong)
    for at in set(wrong) & named_at.keys():
        one, words = named_at[at], rows["tokens"][at]
        first = rows["tags"][at].index(3) + 1
        last = one.word + len(one.token.split()) - 1
        assert first <= one.word <= last <= first + 1
        assert (one.split, one.label, one.suggested) == ("train", "LOC", "PER")
        assert one.token == " ".join(words[one.word - 1 : last])
        assert one.text == " ".join(words)


def test_sentences_of_another_kind_are_told_apart():
    old, settings = seen(named(900, seed=1)), EntityCheckSettings()
    rows = named(900, seed=2)
    for one in rows["tokens"]:
        one[:] = [f"{word}s" if word in COMMON else word for word in one]
    assert told(check(seen(rows, old), old, settings))["apart"] == "refused"


def test_new_rows_are_beside_such_of_the_champion_as_nobody_repeats():
    """Half of the rows recur, and are short: what a fresh draw has not seen is long."""
    draw = random.Random(3)
    recurring = [(f"{colour} of the day", 0) for colour in TOPICS[0]]

    def drawn(seed: int) -> list[Row]:
        rows = made(ROWS, seed=seed)
        return [draw.choice(recurring) if draw.random() < 0.5 else row for row in rows]

    old = looked(drawn(1))
    settings = CheckSettings(repeated=None)
    assert told(check(looked(drawn(2), old), old, settings)) == {}


def test_scripts_and_languages():
    texts = (
        "The cat sat on the mat and it was not for this", "Der Hund ist nicht mit dem Ball",
        "Это было не для него, как он сказал", "猫は魚を食べる", "الكتاب على الطاولة", "12 34",
        "zz qq",
    )  # fmt: skip
    assert languages(texts) == {
        "English": 1, "German": 1, "Russian": 1, "Kana": 1, "Arabic": 1, "open": 2,
    }  # fmt: skip


def test_a_sample_is_bounded_and_follows_from_what_rows_say():
    texts = [f"text {n}" for n in range(5000)]
    content = content_numbers(texts)
    one, other = Sampler(300), Sampler(300)
    one.add(texts, content, np.arange(5000))
    for at in reversed(range(0, 5000, 100)):
        part = slice(at, at + 100)
        other.add(texts[part], content[part], np.arange(at, at + 100))
    drawn = one.sample()
    assert len(drawn) == 300
    assert set(drawn.texts) == set(other.sample().texts)
    assert [texts[row] for row in drawn.rows] == drawn.texts
