"""Tagged files as other tools write them: columns, comments, spellings of tags, names of lists."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.data.build import build_dataset
from nightloom.data.formats.notes import Notes
from nightloom.data.labels.tag_schemes import spans
from nightloom.data.sources.opened import open_source
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings
from tests.pages import fences
from tests.pages import read as page

Read = list[list[tuple[str, str]]]
"""Entities of each sentence: their words and type, sentences without one as well."""

MIRA_AND_GRAZ = [[("Mira Holt", "PER")], [("Graz", "LOC")]]
"""What nearly every file here says."""


def read(path: Path, content: str | bytes, **settings: Any) -> tuple[list[list[str]], Read, Notes]:
    """Words, entities and notes of a file with that content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = open_source(EntityDataSettings(source=str(path), **settings))
    words: list[list[str]] = []
    entities: Read = []
    for batch in source.splits["train"]:
        words += batch.tokens
        for tokens, tags in zip(batch.tokens, batch.tags, strict=True):
            found = spans(tags)
            entities.append([(" ".join(tokens[start:end]), kind) for kind, start, end in found])
    return words, entities, source.notes


def lines(text: str, separator: str = " ") -> str:
    """`a|b|c  d|e|f` as lines of columns; `//` stands for the blank line between sentences."""
    return "\n".join("" if line == "//" else line.replace("|", separator) for line in text.split())


PLAIN = "Mira|B-PER Holt|I-PER rows|O // Graz|B-LOC sleeps|O"
LAYOUTS: list[tuple[str, str, str]] = [
    ("plain", lines(PLAIN), "column 1 of 2 is the word, column 2 the tag"),
    ("a blank behind a tag", lines(PLAIN, "\t").replace("PER", "PER "), "column 2 the tag"),
    ("a no-break space behind a tag", lines(PLAIN).replace("-PER", "-PER\u00a0"), "2 the tag"),
    ("blanks around tabs", lines(PLAIN, " \t "), "column 2 the tag"),
    ("tabs that line up", lines(PLAIN, "\t").replace("Holt\t", "Holt\t\t"), "of 2 is the word"),
    ("a tab at the end of some lines", lines(PLAIN, "\t").replace("LOC", "LOC\t"), "column 2"),
    ("Windows", lines(PLAIN).replace("\n", "\r\n"), "column 2 the tag"),
    ("returns twice", lines(PLAIN).replace("\n", "\r\r\n"), "column 2 the tag"),
    ("returns alone", lines(PLAIN).replace("\n", "\r"), "column 2 the tag"),
    ("a mark in front", "\ufeff" + lines(PLAIN), "column 2 the tag"),
    ("ends of documents", "-DOCSTART- O\n\n" + lines(PLAIN) + "\n-DOCEND- O\n", "column 2 the tag"),
    ("tag first", lines("B-PER|Mira I-PER|Holt O|rows // B-LOC|Graz O|sleeps"), "2 of 2 is the w"),
    (
        "counts anew",
        lines("1|Mira|NNP|B-PER 2|Holt|NNP|I-PER 3|rows|VBZ|O // 1|Graz|NNP|B-LOC 2|sleeps|VBZ|O"),
        "column 2 of 4 is the word, column 4 the tag (B-PER, I-PER, B-LOC), column 1 counts; "
        "not read: 3",
    ),
    (
        "counts on, from 17",
        lines("17|Mira|B-PER 18|Holt|I-PER 19|rows|O // 20|Graz|B-LOC 21|sleeps|O"),
        "column 2 of 3 is the word, column 3 the tag (B-PER, I-PER, B-LOC), column 1 counts",
    ),
    (
        "ids of documents and parts of speech before the word",
        lines(
            "d1|NNP|Mira|B-PER d1|NNP|Holt|I-PER d1|VBZ|rows|O // d2|NNP|Graz|B-LOC d2|VBZ|sleeps|O"
        ),
        "column 3 of 4 is the word",
    ),
    (
        "ids of words with gaps",
        lines("100|Mira|B-PER 101|Holt|I-PER 102|rows|O // 200|Graz|B-LOC 201|sleeps|O"),
        "column 2 of 3 is the word, column 3 the tag (B-PER, I-PER, B-LOC); not read: 1",
    ),
    (
        "offsets of characters before the word",
        lines("0-4|Mira|B-PER 5-9|Holt|I-PER 10-14|rows|O // 16-20|Graz|B-LOC 21-27|sleeps|O"),
        "column 2 of 3 is the word",
    ),
    (
        "chunks behind the entities",
        lines("Mira|B-PER|B-NP Holt|I-PER|I-NP rows|O|B-VP // Graz|B-LOC|B-NP sleeps|O|B-VP"),
        "column 1 of 3 is the word, column 2 the tag",
    ),
    (
        "ranges and empty nodes of CoNLL-U",
        "# sent_id = 1\n# text = Mira Holt rows\n1-2\tMiraHolt\t_\t_\n1\tMira\tPROPN\tB-PER\n"
        "2\tHolt\tPROPN\tI-PER\n2.1\tx\t_\t_\n3\trows\tVERB\tO\n\n1\tGraz\tPROPN\tB-LOC\n"
        "2\tsleeps\tVERB\tO\n",
        "column 1 counts",
    ),
    (
        "columns named by the file",
        "# global.columns = ID LEMMA FORM BIO:NER\n1 mira Mira B-PER\n2 holt Holt I-PER\n"
        "3 row rows _\n\n1 graz Graz B-LOC\n2 sleep sleeps _\n",
        "column 3 (form) of 4 is the word, column 4 (bio:ner) the tag",
    ),
    (
        "a header",
        "lemma\ttoken\tner\tinner\nmira\tMira\tB-PER\tO\nholt\tHolt\tI-PER\tB-LOC\n"
        "row\trows\tO\tO\n\ngraz\tGraz\tB-LOC\tO\nsleep\tsleeps\tO\tO\n",
        "column 2 (token) of 4 is the word, column 3 (ner) the tag",
    ),
    ("lower case", lines(PLAIN).replace("B-", "b-").replace(" O", " o"), "b-PER"),
    ("low lines", lines(PLAIN).replace("-", "_"), "(B_PER, I_PER, B_LOC)"),
    ("colons", lines(PLAIN).replace("-", ":"), "(B:PER, I:PER, B:LOC)"),
    ("type first", lines("Mira|PER-B Holt|PER-I rows|O // Graz|LOC-B sleeps|O"), "(PER-B, PER-I"),
    ("BMEWO", lines("Mira|B-PER Holt|E-PER rows|O // Graz|W-LOC sleeps|O"), "(B-PER, E-PER, W-LOC"),
    ("BMES", lines("Mira|B-PER Holt|E-PER rows|O // Graz|S-LOC sleeps|O"), "(B-PER, E-PER, S-LOC"),
    ("IOE2", lines("Mira|I-PER Holt|E-PER rows|O // Graz|E-LOC sleeps|O"), "(I-PER, E-PER, E-LOC"),
    ("IO", lines("Mira|I-PER Holt|I-PER rows|O // Graz|I-LOC sleeps|O"), "(I-PER, I-LOC)"),
]


@pytest.mark.parametrize(("name", "content", "said"), LAYOUTS, ids=[case[0] for case in LAYOUTS])
def test_layouts_and_spellings(name: str, content: str, said: str, tmp_path: Path) -> None:
    words, entities, notes = read(tmp_path / "d.conll", content)
    assert words == [["Mira", "Holt", "rows"], ["Graz", "sleeps"]]
    assert entities == MIRA_AND_GRAZ
    assert said in notes.read_as["train"]


def test_comments_and_words_that_begin_as_they_do(tmp_path: Path) -> None:
    content = (
        "# sent_id = 7\n#\n# Mira\tHolt\nMira B-PER\nHolt I-PER\nrows O\n\n"
        "# id 5 domain=sea\n#ferry O\n# O\n# a remark\nGraz B-LOC\n\n#late B-PER\nend O\n"
    )
    words, entities, notes = read(tmp_path / "d.conll", content)
    assert words == [["Mira", "Holt", "rows"], ["#ferry", "#", "Graz"], ["#late", "end"]]
    assert entities == [*MIRA_AND_GRAZ, [("#late", "PER")]]
    assert notes.warnings == [
        "1 comment line inside sentences was skipped, the first at d.conll:11: # a remark"
    ]


def test_a_comment_that_fits_the_columns_is_one_by_its_key(tmp_path: Path) -> None:
    content = "# text = O\nMira NN x B-PER\nrows VB x O\n\n# NN x O\nGraz NN x B-LOC\n"
    words, _, _ = read(tmp_path / "d.conll", content)
    assert words == [["Mira", "rows"], ["#", "Graz"]]


def test_lines_of_impossible_tags_count_comments(tmp_path: Path) -> None:
    good = "a B-PER\nb I-PER\n\n" * 10
    (tmp_path / "d.conll").write_text(good + "x O\n# a remark\ny I-LOC\n")
    facts = build_dataset(EntityDataSettings(source=str(tmp_path / "d.conll")), tmp_path / "out")
    assert any("d.conll:33: I-LOC after O" in line for line in facts["warnings"])
    assert facts["read_as"] == {
        "train": "d.conll: column 1 of 2 is the word, column 2 the tag (B-PER, I-PER, I-LOC)"
    }


def test_words_keep_their_blanks(tmp_path: Path) -> None:
    words, entities, _ = read(
        tmp_path / "d.conll", "New York\tNNP\tB-LOC\n10\u00a0000\tCD\tO\n\u00a0\tSP\tO\n"
    )
    assert words == [["New York", "10\u00a0000", "\u00a0"]]
    assert entities == [[("New York", "LOC")]]


def test_types_keep_hyphens_and_case(tmp_path: Path) -> None:
    _, entities, _ = read(tmp_path / "d.conll", "a B-creative-work\nb I-creative-work\nc B-X_y\n")
    assert entities == [[("a b", "creative-work"), ("c", "X_y")]]


LAYERS = (
    "# http://a.b/c [2014-01-01]\n1\tHafen\tB-LOC\tO\n2\tGraz\tI-LOC\tB-ORGpart\n3\t.\tO\tO\n\n"
    "1\tMira\tB-PER\tO\n2\tHolt\tI-PER\tO\n"
)


def test_the_outer_one_of_two_layers_is_taken_and_said(tmp_path: Path) -> None:
    words, entities, notes = read(tmp_path / "d.tsv.conll", LAYERS)
    assert words == [["Hafen", "Graz", "."], ["Mira", "Holt"]]
    assert entities == [[("Hafen Graz", "LOC")], [("Mira Holt", "PER")]]
    (doubt,) = notes.warnings
    assert "column 4 also holds entity tags (B-ORGpart)" in doubt
    columns = doubt.partition("data.columns=")[2].split()[0]
    _, entities, notes = read(tmp_path / "d.conll", LAYERS, columns=columns)
    assert entities == [[("Graz", "ORGpart")], []]
    assert notes.warnings == []


def test_later_files_are_laid_out_like_train(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text("1 Mira B-PER B-X\n2 rows O O\n\n1 Graz B-LOC O\n")
    (tmp_path / "test.conll").write_text("1 Oslo B-LOC O\n")
    source = open_source(EntityDataSettings(source=str(tmp_path)))
    found = {split: list(batches) for split, batches in source.splits.items()}
    assert found["test"][0].tokens == [["Oslo"]]
    assert found["test"][0].tags == [["B-LOC"]]
    assert not any("by itself" in line for line in source.notes.warnings)
    (tmp_path / "test.conll").write_text("Oslo NP B-LOC\n")
    source = open_source(EntityDataSettings(source=str(tmp_path)))
    assert [list(batches) for batches in source.splits.values()]
    assert source.notes.warnings[-1].startswith(
        "test.conll has 3 columns, the files before it 4; read by itself: column 1 of 3 is the word"
    )


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    ("only counts", "1 B-PER\n2 O\n\n1 B-LOC\n2 O\n", {}, r"conll:1: column 1 counts the words"),
    ("no tag for a word", "Mira\tB-PER\nrows\t\n", {}, r"conll:2: no tag for the word 'rows'"),
    ("no tags in a sentence", "Mira B-PER\nx O\n\nrows\nfar\n", {}, r"conll:4: expected 2 columns"),
    ("zero for O", "Mira B-PER\nrows 0\n", {}, r"conll:2: the tag 0 .*letter O\?"),
    ("numbers", "Mira 1\nrows 0\n", {}, r"conll:1: the tag 1 is a number.*data\.tag_names=O,B-PER"),
    ("not counted", "1 a B-X\n2 b O\n3 c O\n4 d O\n\nx e O\n", {}, "conll:6: expected a number"),
    ("bare types", "Mira PER\nrows O\n", {}, r"'PER' is not an entity tag.*data\.scheme=io"),
    ("a hash in a sentence", "Mira B-PER\n#rows\n", {}, "conll:2: expected 2 columns"),
    ("an unknown name", "Mira B-PER\nrows O\n", {"tag_names": "O,B-LOC"}, "'B-PER' is not in d"),
    ("out of range", "Mira 2\nrows 0\n", {"tag_names": "O,B-LOC"}, "tag 2 is out of range.*0 to 1"),
]


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"), BAD, ids=[case[0] for case in BAD]
)
def test_what_cannot_be_read_is_named(
    name: str, content: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / "d.conll", content, **settings)


@pytest.mark.parametrize(
    "content",
    ["1 B-PER\n2 O\n\n1 B-LOC\n2 O\n", "Mira PER\nrows O\n\nGraz LOC\n"],
    ids=["counts", "bare types"],
)
def test_what_a_message_says_to_set_works(content: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "d.conll", content)
    (named,) = re.findall(r"data\.(\w+)=([\w,]+)", str(caught.value))
    _, entities, _ = read(tmp_path / "d.conll", content, **dict([named]))
    assert [kind for sentence in entities for _, kind in sentence] == ["PER", "LOC"]


def test_bare_types_by_their_scheme(tmp_path: Path) -> None:
    content = lines("Mira|PER Holt|PER rows|O // Graz|LOC sleeps|O")
    assert read(tmp_path / "d.conll", content, scheme="io")[1] == MIRA_AND_GRAZ


def test_numbers_by_their_names(tmp_path: Path) -> None:
    content = lines("Mira|1 Holt|2 rows|0 // Graz|3 sleeps|0")
    names = "O,B-PER,I-PER,B-LOC,I-LOC"
    assert read(tmp_path / "d.conll", content, tag_names=names)[1] == MIRA_AND_GRAZ


ROWS: list[dict[str, Any]] = [
    {"tokens": ["Mira", "Holt", "rows"], "tags": ["B-PER", "I-PER", "O"]},
    {"tokens": ["Graz", "sleeps"], "tags": ["B-LOC", "O"]},
]
CHUNKS = [["B-NP", "I-NP", "B-VP"], ["B-NP", "B-VP"]]
CODES = [[1, 2, 0], [3, 0]]
NAMES = "O,B-PER,I-PER,B-LOC,I-LOC"


def rows(kind: str, path: Path, **columns: list[Any]) -> Path:
    """Two rows with these lists, as JSONL or Parquet."""
    values = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path = path / f"d.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(values), path)
    else:
        path.write_text("\n".join(map(json.dumps, values)))
    return path


def read_rows(path: Path, **settings: Any) -> tuple[Read, Notes]:
    _, entities, notes = read(path, path.read_bytes(), **settings)
    return entities, notes


WORDS = [row["tokens"] for row in ROWS]
TAGS = [row["tags"] for row in ROWS]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_rows_hold_words_and_tags_under_many_names(kind: str, tmp_path: Path) -> None:
    path = rows(kind, tmp_path, tokens=WORDS, tags=CHUNKS, ner_tags=TAGS)
    entities, notes = read_rows(path)
    assert entities == MIRA_AND_GRAZ
    assert notes.read_as["train"] == (
        "train: 'tokens' holds the words, 'ner_tags' the tags; not read: tags "
        "(data.columns=tokens,tags)"
    )
    assert read_rows(path, columns="tokens,ner_tags")[0] == MIRA_AND_GRAZ
    assert read_rows(path, columns="tokens,tags")[0][0] == [("Mira Holt", "NP"), ("rows", "VP")]
    path = rows(kind, tmp_path, pieces=WORDS, marks=TAGS, n=[1, 2])
    assert read_rows(path, columns="pieces,marks")[0] == MIRA_AND_GRAZ
    with pytest.raises(InputError, match=r"no key 'tokens'.*pieces, marks, n.*data\.columns="):
        read_rows(path)
    with pytest.raises(InputError, match="no key 'mark'.*did you mean 'marks'"):
        read_rows(path, columns="pieces,mark")


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_rows_with_numbers_need_names(kind: str, tmp_path: Path) -> None:
    path = rows(kind, tmp_path, tokens=WORDS, ner_tags=CODES)
    with pytest.raises(InputError, match=r"(:|row )1: 'ner_tags' .*data\.tag_names=O,B-PER"):
        read_rows(path)
    assert read_rows(path, tag_names=NAMES)[0] == MIRA_AND_GRAZ
    with pytest.raises(InputError, match="'ner_tags': the tag 3 is out of range; expected 0 to 2"):
        read_rows(path, tag_names="O,B-PER,I-PER")
    path = rows(kind, tmp_path, tokens=WORDS, ner_tags=TAGS)
    assert read_rows(path, tag_names=NAMES)[0] == MIRA_AND_GRAZ
    with pytest.raises(InputError, match=r"the tag 'B-PER' is not in data\.tag_names=O,B-LOC"):
        read_rows(path, tag_names="O,B-LOC")


def test_parquet_with_class_names(tmp_path: Path) -> None:
    """The names that Hugging Face `datasets` keeps; those of the user stand over them."""
    import datasets

    path = tmp_path / "d.parquet"
    kind = datasets.ClassLabel(names=NAMES.split(","))
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": datasets.Sequence(kind)}
    )
    values = {"tokens": WORDS, "ner_tags": CODES}
    datasets.Dataset.from_dict(values, features=features).to_parquet(path)
    assert read_rows(path)[0] == MIRA_AND_GRAZ
    renamed = read_rows(path, tag_names="O,B-who,I-who,B-where,I-where")[0]
    assert renamed == [[("Mira Holt", "who")], [("Graz", "where")]]
    with pytest.raises(InputError, match=r"data\.tag_names has 2 names, column 'ner_tags' has 5"):
        read_rows(path, tag_names="O,B-PER")


def test_every_row_has_the_same_columns(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(
        '{"tokens": ["Mira"], "ner_tags": ["B-PER"]}\n{"tokens": ["Graz"], "tags": ["B-NP"]}\n'
    )
    with pytest.raises(InputError, match=r"jsonl:2: no key 'ner_tags'"):
        read_rows(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"tokens": ["a"], "tags": null}', "'tags' must be a list of strings, a tag for each"),
        ('{"tokens": ["a"], "tags": [true]}', "'tags' must be a list of strings.*got True"),
        ('{"tokens": ["a"], "tags": [1.5]}', "'tags' must be a list of strings.*got 1.5"),
        ('{"tokens": "a b", "tags": ["O"]}', "'tokens' must be a list of strings"),
        ('{"tokens": ["a"], "tags": []}', "1 tokens and 0 tags"),
        ('{"tokens": ["a"], "tags": [""]}', "'tags': the tag is empty; write O"),
        ('{"tokens": ["a"], "tags": ["O"], "tags": ["O"]}', "has 'tags' more than once"),
    ],
)
def test_bad_rows(row: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text(row)
    with pytest.raises(InputError, match=f"jsonl:1: .*{message}"):
        read_rows(tmp_path / "d.jsonl")


def test_the_program_of_the_page_makes_words_of_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "😀 Anna Bo-Li lives in New York."
    spans = [("Anna Bo-Li", "PER"), ("Bo-Li", "PER"), ("ew York", "LOC")]
    entities = [
        {"start": text.index(part), "end": text.index(part) + len(part), "label": name}
        for part, name in spans
    ]
    others = [{"text": f"nobody {n}", "entities": []} for n in range(2)]
    Path("spans.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in [{"text": text, "entities": entities}, *others])
    )
    [program] = [block for language, block in fences(page("entities")) if language == "python"]
    exec(program, {})
    path = Path("people.jsonl")
    words, entities, _ = read(path, path.read_bytes())
    assert words[0] == ["😀", "Anna", "Bo", "-", "Li", "lives", "in", "New", "York", "."]
    assert entities == [[("Anna Bo - Li", "PER"), ("New York", "LOC")], [], []]


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    words, tags = [["Graz"]] * 3, [["B-LOC"]] * 3
    pq.write_table(pa.table([words, words, tags], ["tokens", "tokens", "tags"]), path)
    with pytest.raises(InputError, match=r"column 'tokens' is there 2 times; expected once"):
        read_rows(path)
