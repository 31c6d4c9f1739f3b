import pytest

from nightloom.counted import counted, there_are


@pytest.mark.parametrize(
    ("words", "one", "several"),
    [
        ("rows", "1 row", "2,000 rows"),
        ("test rows are new", "1 test row is new", "2,000 test rows are new"),
        (
            "comment lines inside sentences were skipped",
            "1 comment line inside sentences was skipped",
            "2,000 comment lines inside sentences were skipped",
        ),
        (
            "training rows repeat the text of another training row",
            "1 training row repeats the text of another training row",
            "2,000 training rows repeat the text of another training row",
        ),
        ("of 9 rows are new", "1 of 9 rows is new", "2,000 of 9 rows are new"),
        ("have no time", "1 has no time", "2,000 have no time"),
    ],
)
def test_words_follow_their_count(words: str, one: str, several: str) -> None:
    assert counted(1, words) == one
    assert counted(2000, words) == several
    assert counted(0, words) == several.replace("2,000", "0")


def test_what_there_is() -> None:
    assert there_are(["news/1"]) == "there is news/1"
    assert there_are(["news/1", "news/2"]) == "there are news/1, news/2"
