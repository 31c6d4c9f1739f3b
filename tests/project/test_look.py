"""What is seen in a user's files: the settings that follow, the alternatives, the refusals."""

import csv
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightloom.errors import InputError
from nightloom.project import tables
from nightloom.project.choose import model_of
from nightloom.project.look import Seen, look_at
from nightloom.project.rows import Rows
from tests.project.ten import TEN, headless, quoted_semicolons, rows


@pytest.mark.parametrize("make", TEN, ids=lambda make: make.__name__)
def test_ten_files(make: Callable[[Path], Path], tmp_path: Path) -> None:
    seen = look_at(str(make(tmp_path)))
    assert seen.data == TEN[make]
    assert seen.task == ("text" if "label" in TEN[make] else "entities")
    assert seen.rows.whole and sum(seen.rows.counts.values()) > 0


def table(folder: Path, names: str, values: Iterable[Iterable[Any]], name: str = "t.csv") -> Seen:
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names.split(","), *values])
    return look_at(str(folder / name))


def alternatives(seen: Seen) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in seen.others:
        found.setdefault(one.setting, []).append(one.value)
    return found


def test_two_texts_and_two_labels_are_told(tmp_path: Path) -> None:
    values = ((r.body, r.subject, r.queue, r.number % 3) for r in rows())
    seen = table(tmp_path, "question,answer,topic,priority", values)
    assert seen.data == {"text": ["question"], "label": "topic"}
    assert alternatives(seen) == {"text": [["question", "answer"]], "label": ["priority"]}
    assert "before the label" in next(one.why for one in seen.others if one.setting == "text")


def test_a_heading_is_joined_and_can_be_left_out(tmp_path: Path) -> None:
    seen = look_at(str(quoted_semicolons(tmp_path)))
    assert seen.data["text"] == ["subject", "body"]
    assert alternatives(seen) == {"text": [["body"]], "group": ["customer_id"]}


def test_a_time_of_something_else_is_an_alternative(tmp_path: Path) -> None:
    values = ((r.body, r.queue, r.created) for r in rows())
    seen = table(tmp_path, "text,label,due_date", values)
    assert "time" not in seen.data
    assert alternatives(seen) == {"time": ["due_date"]}


def test_nearly_a_time_is_said(tmp_path: Path) -> None:
    values = ((r.body, r.queue, "soon" if r.number == 7 else r.created) for r in rows())
    seen = table(tmp_path, "text,label,date", values)
    assert "time" not in seen.data
    told = next(one.what for one in seen.said if one.subject == "not read")
    assert "not all of them are times ('soon')" in told


@pytest.mark.parametrize(
    "form",
    [
        *("%d.%m.%Y", "%m/%d/%Y %H:%M", "%m/%d/%y", "%b %d, %Y", "%d %B %Y", "%A, %dth %B %Y"),
        *("%d de %B de %Y", "令和8年%m月%d日", "%Y年%m月%d日(月) 下午%H:%M"),
    ],
)
def test_dates_in_a_form_that_is_not_read_are_said(form: str, tmp_path: Path) -> None:
    when = datetime(2026, 1, 5, 9, 30)
    values = ((r.body, r.queue, f"{when + timedelta(days=r.number // 60):{form}}") for r in rows())
    seen = table(tmp_path, "text,label,created on", values)
    assert seen.data == {"text": ["text"], "label": "label"} and alternatives(seen) == {}
    [note] = [one for one in seen.said if one.subject == "note"]
    assert note.what.startswith("'created on' holds dates in a form that is not read")
    assert note.example == f"{when:{form}}"
    assert "write them as 2026-11-26" in note.what and note.example == f"{when:{form}}"


def test_dates_of_east_asia_are_times(tmp_path: Path) -> None:
    days = (datetime(2026, 1, 1) + timedelta(days=r.number // 20) for r in rows())
    values = (
        (r.body, r.queue, f"{day.year}年{day.month}月{day.day}日")
        for r, day in zip(rows(), days, strict=True)
    )
    seen = table(tmp_path, "text,label,日期", values)
    assert seen.data == {"text": ["text"], "label": "label", "time": "日期"}
    assert (seen.rows.first, seen.rows.last) == ("2026-01-01", "2026-01-12")


@pytest.mark.parametrize(
    ("languages", "said"),
    [
        ({"open": 9}, "none could be told from the texts"),
        ({"Han": 9}, "Han 100%"),
        ({"English": 6, "open": 4}, "English 60%; it could not be told of 40%"),
        (
            dict.fromkeys(("A", "B", "C", "D", "E", "F", "G", "open"), 1) | {"A": 3},
            "A 30%, B 10%, C 10%, D 10%, E 10%, others 20%; it could not be told of 10%",
        ),
    ],
)
def test_languages_that_cannot_be_told_are_said_so(languages: dict[str, int], said: str) -> None:
    none = np.zeros(0, np.int64)
    counts = {"rows": {}, "counts": {}, "lengths": none, "letters": none}
    assert Rows(whole=True, languages=languages, **counts).told_languages() == said


@pytest.mark.parametrize(
    "value",
    [
        *("1.10.12", "10.0.0.1", "555-123-4567", "version 2026", "room 12 block 2026"),
        *("2026年1月5日、東京で会議があった", "1月5日"),
    ],
)
def test_what_only_looks_a_little_like_a_date_is_none(value: str, tmp_path: Path) -> None:
    values = ((r.body, r.queue, value) for r in rows())
    seen = table(tmp_path, "text,label,version", values)
    assert not [one for one in seen.said if one.subject == "note"]


def test_a_source_with_a_test_split_is_not_cut_by_time(tmp_path: Path) -> None:
    for split, seed in (("train", 1), ("test", 2)):
        values = [
            ["text", "label", "date"],
            *([r.body, r.queue, r.created] for r in rows(seed=seed)),
        ]
        with (tmp_path / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(values)
    seen = look_at(str(tmp_path))
    assert "time" not in seen.data and alternatives(seen) == {"time": ["date"]}
    assert seen.rows.rows == {"train": 240, "test": 240}


def test_many_classes_are_known_by_name(tmp_path: Path) -> None:
    values = [(r.body, f"intent {r.number % 48}", f"C{r.number % 48}") for r in rows()]
    seen = table(tmp_path, "text,intent,customer", values)
    assert seen.data == {"text": ["text"], "label": "intent"}
    assert alternatives(seen) == {"group": ["customer"]}


def test_numbers_and_identifiers_are_no_labels(tmp_path: Path) -> None:
    values = ((r.number, r.body, r.number / 7, r.queue) for r in rows())
    seen = table(tmp_path, "ticket_id,text,hours,queue", values)
    assert seen.data == {"text": ["text"], "label": "queue"}
    assert alternatives(seen) == {}


def test_a_file_of_an_editor_on_windows(tmp_path: Path) -> None:
    text = "Text;Art\n" + "".join(
        f"schöne Grüße aus Köln und {r.body};{('Lob', 'Rüge')[r.number % 2]}\n" for r in rows()
    )
    (tmp_path / "old.csv").write_text(text, encoding="cp1252")
    (tmp_path / "new.csv").write_text(text, encoding="utf-16")
    old, new = (look_at(str(tmp_path / name)) for name in ("old.csv", "new.csv"))
    assert old.data == {"text": ["Text"], "label": "Art", "encoding": "cp1252"}
    assert new.data == {"text": ["Text"], "label": "Art", "encoding": "utf-16"}
    assert set(old.rows.counts) == set(new.rows.counts) == {"Lob", "Rüge"}


def test_a_wrong_byte_is_no_other_encoding(tmp_path: Path) -> None:
    lines = [f"Grüße {r.body},{r.queue}\n".encode() for r in rows()]
    (tmp_path / "t.csv").write_bytes(b"text,label\n" + b"".join([*lines, b"Gr\xfc\xdfe x,login\n"]))
    with pytest.raises(InputError, match=r"t\.csv:242: expected utf-8, got byte 0xfc"):
        look_at(str(tmp_path / "t.csv"))


def test_quotes_that_mean_nothing(tmp_path: Path) -> None:
    lines = (
        f'{r.queue}\t"{r.body}\n' if r.number == 5 else f"{r.queue}\t{r.body}\n" for r in rows()
    )
    (tmp_path / "t.tsv").write_text("label\ttext\n" + "".join(lines))
    seen = look_at(str(tmp_path / "t.tsv"))
    assert seen.data == {"text": ["text"], "label": "label", "quoted": False}


def test_a_headless_file_with_semicolons(tmp_path: Path) -> None:
    lines = (f"{r.queue};Well, {r.body}\n" for r in rows())
    (tmp_path / "t.csv").write_text("".join(lines))
    seen = look_at(str(tmp_path / "t.csv"))
    assert seen.data["columns"] == ["label", "text"] and seen.data["delimiter"] == "semicolon"
    assert sum(seen.rows.counts.values()) == 240


def test_a_headless_file_whose_first_text_is_often_empty(tmp_path: Path) -> None:
    lines = (f"{r.queue},{r.subject if r.number % 2 else ''},{r.body} {r.number}\n" for r in rows())
    (tmp_path / "t.csv").write_text("".join(lines))
    seen = look_at(str(tmp_path / "t.csv"))
    assert seen.data["columns"] == ["label", "text_2", "text"] and seen.data["text"] == ["text"]
    assert alternatives(seen) == {"text": [["text", "text_2"]]}


def test_short_texts_and_missing_labels(tmp_path: Path) -> None:
    values = ((f"word{r.number}", "NULL" if r.number % 3 else r.queue) for r in rows())
    seen = table(tmp_path, "text,label", values)
    assert seen.data == {"text": ["text"], "label": "label"}
    assert sum(seen.rows.counts.values()) == 80 and "NULL" not in seen.rows.counts
    assert any("160 train rows have no label" in one.what for one in seen.said)


def test_scripts_without_spaces_get_pieces(tmp_path: Path) -> None:
    values = ((f"我的订单{r.number}还没有到请退款", r.number % 2) for r in rows())
    seen = table(tmp_path, "text,label", values)
    model = model_of(seen, "t")
    assert model.flow == "classify-bert"
    assert {one.setting: one.value for one in model.choices}["model.checkpoint"] == "minilm"


def test_some_texts_without_spaces_are_told(tmp_path: Path) -> None:
    texts = ("我的订单{}还没有到请退款", "we have not got the order {}", "my order {} was late")
    values = ((texts[r.number % 3].format(r.number), r.number % 2) for r in rows())
    model = model_of(table(tmp_path, "text,label", values), "t")
    assert model.flow == "classify-transformer"
    assert "33% of its texts have no spaces between words, and each is one word to it" in model.why


def test_length_is_that_of_nearly_all_texts(tmp_path: Path) -> None:
    values = (("word " * (90 if r.number < 4 else 20) + r.body[:1], r.queue) for r in rows())
    choices = model_of(table(tmp_path, "text,label", values), "t").choices
    length = next(one for one in choices if one.setting == "model.length")
    assert (length.value, length.why) == (24, "95 % of the texts have at most 21 words")


def test_unbalanced_classes_are_judged_by_macro_f1(tmp_path: Path) -> None:
    values = ((r.body, "rare" if r.number % 20 == 0 else "usual") for r in rows())
    choices = model_of(table(tmp_path, "text,label", values), "t").choices
    assert {one.setting: one.value for one in choices}["register.metric"] == "macro_f1"


def refused(tmp_path: Path, name: str, content: bytes) -> str:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        look_at(str(tmp_path / name))
    said = str(caught.value)
    assert "\n" not in said and str(tmp_path) in said
    return said


BODIES = [f"a text of some words {n}" for n in range(60)]
REFUSED = {
    "binary.csv": (b"\0\x01\x02\xff\x03" * 40, "is binary data"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "is a PNG picture"),
    "sheet.xlsx": (b"PK\x03\x04" + b"[Content_Types].xml" + b"\0" * 40, "is an Excel or Word file"),
    "empty.csv": (b"", "is empty"),
    "one.csv": (
        "\n".join(["text", *BODIES]).encode(),
        "expected a column of labels (some values, each in several rows) beside the text 'text', "
        "got 'text' (texts of 6 words on average)",
    ),
    "codes.csv": (
        ("code,kind\n" + "".join(f"x{n},{n % 2}\n" for n in range(60))).encode(),
        "expected a column of texts, got 'code' (a value of its own in each row); 'kind'",
    ),
    "header.csv": (b"text,label\n", "no rows, only a header (text, label)"),
    "cut.parquet": (b"PAR1" + b"x" * 50, "expected a Parquet file, got: Parquet magic bytes not"),
    "same.csv": (
        ("text,label\n" + "".join(f"{one},a\n" for one in BODIES)).encode(),
        "'label' (one value in all rows)",
    ),
    "twice.csv": (
        ("text,label,label\n" + "".join(f"{one},a,b\n" for one in BODIES)).encode(),
        "in the header more than once, so not read: label",
    ),
    "titled.csv": (
        (
            "All tickets;;\nof 2026;;\nid;body;queue\n"
            + "".join(f"{n};{one};{'ab'[n % 2]}\n" for n, one in enumerate(BODIES))
        ).encode(),
        "is id, body, queue the header? Take out what stands before it",
    ),
    "noted.csv": (
        (
            "# a tool's notes\n# more\ntext,label\n"
            + "".join(f"{one},{'ab'[n % 2]}\n" for n, one in enumerate(BODIES))
        ).encode(),
        "noted.csv:3: expected 1 fields as in the header (# a tool's notes), got 2, the first is "
        "'text'; fix the row or its quotes, or set in data.delimiter what separates fields (here: "
        "comma); is text, label the header? Take out what stands before it; init takes no settings",
    ),
    "pretty.jsonl": (
        b"".join(json.dumps({"text": one}, indent=1).encode() + b"\n" for one in BODIES),
        "pretty.jsonl:1: expected one JSON object on the line, got: { (Expecting property name "
        "enclosed in double quotes); write each object on one line",
    ),
    "nested.jsonl": (
        b"".join(
            json.dumps({"kind": n % 2, "ticket": {"subject": "s", "body": one}}).encode() + b"\n"
            for n, one in enumerate(BODIES)
        ),
        "'ticket' (objects; of subject, body: what is to be read has to be a column of its own)",
    ),
    "spans.jsonl": (
        b"".join(
            json.dumps({"text": one, "entities": [{"start": 0, "end": 1, "label": "X"}]}).encode()
            + b"\n"
            for one in BODIES
        ),
        "'entities' (lists; spans by characters: give each sentence its words, and a tag for each)",
    ),
    "offsets.jsonl": (
        b"".join(
            json.dumps({"text": one, "label": [[0, 1, "X"]] * (n % 2)}).encode() + b"\n"
            for n, one in enumerate(BODIES)
        ),
        "'label' (lists; spans by characters",
    ),
    "mixed.jsonl": (
        b"".join(
            json.dumps({"text": one, "label": ["a"] if n == 7 else "ab"[n % 2]}).encode() + b"\n"
            for n, one in enumerate(BODIES)
        ),
        "'label' (lists; in 1 of 60 rows, which all have to be alike)",
    ),
    "whole.json": (
        json.dumps(
            {"data": [{"text": one, "label": "ab"[n % 2]} for n, one in enumerate(BODIES)]}
        ).encode(),
        "the file holds one object; each row has to be an object of its own, or of one list",
    ),
    "long.csv": (
        (
            "text,answered\n"
            + "".join(f"{one},{'ab'[n % 2]}{'x' * 90}\n" for n, one in enumerate(BODIES))
        ).encode(),
        "'answered' (2 distinct values; the longest has 91 characters, which is long for a class)",
    ),
    "nul.csv": (
        ("text,label\n" + "".join(f"{one},{'ab'[n % 2]}\n" for n, one in enumerate(BODIES)))
        .replace("words 7", "words \0")
        .encode(),
        "nul.csv:9: a NUL character; expected text in utf-8",
    ),
    "plain.csv.gz": (b"text,label\n", "leave .gz out of its name if it is not packed"),
    "list.jsonl": (b"[1, 2]\n", "expected a JSON object, got a list"),
    "lines.txt": ("\n".join(BODIES).encode(), "such a file is read as words with a tag each"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    content, expected = REFUSED[name]
    assert expected in refused(tmp_path, name, content)


def test_a_folder_without_train_names_a_file_that_is_understood(tmp_path: Path) -> None:
    quoted_semicolons(tmp_path)
    headless(tmp_path)
    with pytest.raises(InputError, match="holds news.csv, tickets.csv, and nothing called") as told:
        look_at(str(tmp_path))
    advice = str(told.value).split("--data, --data ")[1].split(",")[0]
    assert look_at(advice).data["label"] == "label"


def test_a_folder_with_a_test_alone_is_told_so(tmp_path: Path) -> None:
    for name in ("fit.csv", "test.csv"):
        (tmp_path / name).write_text("text,label\n")
    with pytest.raises(
        InputError, match="holds fit.csv, test.csv, and nothing called train"
    ) as told:
        look_at(str(tmp_path))
    assert "call the files of one model train, valid and test" in str(told.value)


def test_objects_beside_text_and_label_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "t.jsonl").open("w") as file:
        for r in rows():
            customer = {"name": "x", "since": r.number}
            row = {"customer": customer, "body": r.body, "when": f"{r.created:%d.%m.%Y}"}
            file.write(json.dumps({**row, "queue": r.queue}) + "\n")
    seen = look_at(str(tmp_path / "t.jsonl"))
    assert seen.data == {"text": ["body"], "label": "queue"}
    told = next(one.what for one in seen.said if one.subject == "not read")
    assert "'customer' (objects; of name, since:" in told


def test_dates_that_are_not_read_are_no_texts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a column of texts, got 'on' "):
        table(tmp_path, "on,label", ((f"{r.created:%d %B %Y}", r.queue) for r in rows()))


def test_long_names_are_classes_of_a_column_called_so(tmp_path: Path) -> None:
    names = ("Credit reporting, credit repair services, or other personal consumer reports", "b/c")
    values = ((r.body, names[r.number % 2]) for r in rows())
    seen = table(tmp_path, "text,category", values)
    assert seen.data["label"] == "category" and set(seen.rows.counts) == set(names)


@pytest.mark.parametrize("name", ["Sterne", "評価", "Étoiles"])
def test_stars_are_the_label_before_the_country(name: str, tmp_path: Path) -> None:
    values = ((r.body, ("DE", "JP")[r.number % 2], r.number % 5 + 1) for r in rows())
    assert table(tmp_path, f"text,land,{name}", values).data["label"] == name


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("name", ["t.jsonl", "t.conll", "t.csv", "t.tsv"])
def test_any_format_may_be_in_another_encoding(name: str, encoding: str, tmp_path: Path) -> None:
    def text(r: Any) -> str:
        words = f"Größe {r.body}"
        if name == "t.jsonl":
            return json.dumps({"text": words, "label": r.queue}, ensure_ascii=False)
        if name == "t.conll":
            return "".join(
                f"{word}\t{'B-X' if word == 'Größe' else 'O'}\n" for word in words.split()
            )
        return f'"{words}"{"," if name == "t.csv" else chr(9)}{r.queue}'

    head = {"t.csv": "text,label\n", "t.tsv": "text\tlabel\n"}.get(name, "")
    content = head + "".join(f"{text(r)}\n" for r in rows())
    (tmp_path / name).write_bytes(content.encode(encoding))
    seen = look_at(str(tmp_path / name))
    assert seen.data["encoding"] == encoding and seen.rows.rows == {"train": 240}
    assert f"in {encoding}" in next(one.what for one in seen.said if one.subject == "file")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "t.csv",
            "text,label\n" + "".join(f"a b c {n},x\n" for n in range(9)) + "a b c,y\n",
            "class 'y' has 1 training row",
        ),
        ("t.conll", "Ada B-PER\nruns O\n" * 30, "the source has 1 training sentence"),
    ],
)
def test_what_the_first_night_would_refuse_is_refused(
    name: str, content: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=f"{said}.*expected at least 3 to cut a part"):
        look_at(str(tmp_path / name))


def test_a_rare_class_is_told(tmp_path: Path) -> None:
    values = [*((r.body, r.queue) for r in rows()), ("a thing seen once", "rare")]
    seen = table(tmp_path, "text,label", values)
    assert any("no row of class rare is cut from train" in one.what for one in seen.said)


def test_a_word_in_each_row_is_told(tmp_path: Path) -> None:
    values = ((word, "B-X" if n else "O") for r in rows() for n, word in enumerate(r.body.split()))
    with pytest.raises(
        InputError, match=r"words with a tag each are read from a file called .conll"
    ):
        table(tmp_path, "word,tag", values)


def test_rows_in_the_order_of_their_labels_are_not_said_to_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 40)
    lines = (json.dumps({"text": one, "label": "ab"[n > 50]}) for n, one in enumerate(BODIES))
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    with pytest.raises(
        InputError, match=r"'label' \(one value in all rows\); the first 40 rows alone"
    ):
        look_at(str(tmp_path / "t.jsonl"))


def test_a_source_of_elsewhere_is_refused() -> None:
    with pytest.raises(InputError, match="expected a file, folder or pattern of this machine"):
        look_at("hf:ag_news")


def test_examples_of_rows_stay_out_of_what_is_written(tmp_path: Path) -> None:
    seen = look_at(str(headless(tmp_path)))
    example = next(one.example for one in seen.said if one.subject == "text")
    assert example and not any(example in one.what for one in seen.said)


def test_keys_that_some_rows_lack_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "t.jsonl").open("w") as file:
        for r in rows():
            label = {} if r.number == 9 else {"label": r.queue}
            file.write(json.dumps({"text": r.body, "kind": r.number % 2, **label}) + "\n")
    seen = look_at(str(tmp_path / "t.jsonl"))
    assert seen.data["label"] == "kind"
    assert any("not in every row, so not read: label" in one.what for one in seen.said)
