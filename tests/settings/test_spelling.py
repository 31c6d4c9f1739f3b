"""Values in messages: plain where they are what they look like, else quoted and escaped."""

import pytest

from nightloom.settings.spelling import listed, near_file, on_one_line, quoted, shown

PLAIN = [
    "label",
    "caf\u00e9",
    "\u043c\u0435\u0442\u043a\u0430",
    "\u0939\u093f\u0928\u094d\u0926\u0940",
    "it's",
    "C:\\x",
]
ODD = {
    " label": "' label'",
    "B-PER ": "'B-PER '",
    "B-PER\t": "'B-PER\\t'",
    "B-PER\r": "'B-PER\\r'",
    "no\u00a0break": "'no\\xa0break'",
    "zero\u200bwidth": "'zero\\u200bwidth'",
    "\ufefftext": "'\\ufefftext'",
    "\u202elebal": "'\\u202elebal'",
    "a\x1b[31m": "'a\\x1b[31m'",
    "e\u0301te\u0301": "'e\\u0301te\\u0301'",
    "l\u0430bel": "'l\\u0430bel'",
    "a  b": "'a \\x20b'",
    "C:\\x\t": "'C:\\\\x\\t'",
    "it's ": '"it\'s "',
    "\ud800": "'\\ud800'",
    "": "''",
}


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_as_it_looks_stays_plain(text: str) -> None:
    assert shown(text) == text
    assert quoted(text)[1:-1] == text


@pytest.mark.parametrize("text", list(ODD), ids=ascii)
def test_what_is_not_as_it_looks_is_quoted_and_escaped(text: str) -> None:
    assert shown(text) == quoted(text) == ODD[text]
    assert shown(text).isprintable()


def test_long_values_and_lists_are_cut() -> None:
    assert shown("x" * 100, 10) == "x" * 9 + "\u2026"
    assert shown("x" * 10, 10) == "x" * 10
    assert len(shown("\t" * 100, 10)) <= 12
    assert listed([" a", "b", "c"], most=2) == "' a', b and 1 more"
    assert listed([]) == "nothing"


def test_a_message_on_one_line_shows_what_cannot_be_seen() -> None:
    assert on_one_line("a \n  b\u00a0c\x1b[1m\n") == "a b\\xa0c\\x1b[1m"


FILES = ["none.csv", "tickets.csv", "rows.parquet", "b.csv", "day-2.csv", "Full", "trian.csv.gz"]


@pytest.mark.parametrize(
    "name, meant",
    [
        ("ticket.csv", "tickets.csv"),
        ("TICKETS.CSV", "tickets.csv"),
        ("rows.csv", "rows.parquet"),
        ("train.csv", "trian.csv.gz"),
        ("full", "Full"),
        ("nowhere.csv", None),  # what they share is the extension
        ("a.csv", None),
        ("day-1.csv", None),  # another day is another file
    ],
)
def test_a_file_is_suggested_where_a_name_is_near(name: str, meant: str | None) -> None:
    assert near_file(name, FILES) == meant
