"""Examples that must hold: which fail, and in which words."""

import numpy as np

from nightloom.data.inputs.examples import Example
from nightloom.gate.examples import failures, told, why_refused
from nightloom.serving.alone.answered import divided

EXAMPLES = [
    Example("", 2, ("wine",), "red"),
    Example("greeting", 3, ("hi",), "blue"),
    Example("", 4, ("sky", "SKY")),
    Example("", 5, ("leaf", "LEAF")),
]
ANSWERS = {"wine": "red", "hi": "green", "sky": "blue", "SKY": "red", "leaf": "red", "LEAF": "red"}


def test_a_failed_example_is_told_by_name_and_line_with_what_came():
    failed = list(failures(EXAMPLES, ANSWERS))
    assert why_refused(failed, 4, "held.csv") == (
        "2 of 4 examples of held.csv that must hold fail: 'greeting' (line 3): expected 'blue', "
        "came 'green'; line 4: expected the same answer, came 'blue' and 'red'"
    )
    assert failed[1].text == "sky | SKY"
    assert why_refused([], 4, "held.csv") == ""
    assert why_refused(failed * 2, 4, "held.csv").endswith("; and 1 more")


def test_entities_must_all_come_out_and_no_others_and_pairs_agree_in_their_types():
    wanted = (("Ann", "PER"), ("Rome", "LOC"))
    examples = [
        Example("", 1, ("Ann in Rome",), wanted),
        Example("", 2, ("Ann in Rome", "Bob in Oslo")),
        Example("", 3, ("none",), ()),
    ]
    answers = {"Ann in Rome": wanted, "Bob in Oslo": (("Bob", "PER"), ("Oslo", "LOC")), "none": ()}
    assert list(failures(examples, answers)) == []
    answers["Bob in Oslo"] = (("Oslo", "LOC"),)
    answers["none"] = (("none", "PER"),)
    assert [one.came for one in failures(examples, answers)] == [
        "Ann (PER); Rome (LOC) and Oslo (LOC)", "none (PER)",
    ]  # fmt: skip


def test_long_answers_are_cut():
    assert told(tuple(("x", "PER") for _ in range(9))).endswith("x (PER); x (PER); and 1 more")


def test_answers_are_divided_by_text():
    classes = {
        "names": np.array([b"red", b"blue"]),
        "label": np.array([b"red", b"red", b"blue"]),
        "probabilities": np.eye(3, 2),
    }
    first, more = divided(classes, 2, ["sky"])
    assert more == {"sky": "blue"} and len(first["label"]) == 2 and len(first["names"]) == 2
    pieces = {
        "names": np.array([b"O", b"B-LOC", b"I-LOC"]),
        "pieces": np.array([1, 3]),
        "id": np.arange(4),
        "label": np.array([b"O", b"O", b"B-LOC", b"I-LOC"]),
        "score": np.ones(4, np.float32),
        "start": np.array([0, 0, 2, 6]),
        "end": np.array([2, 2, 6, 11]),
    }
    assert divided(pieces, 1, ["in New York"])[1] == {"in New York": (("New York", "LOC"),)}
