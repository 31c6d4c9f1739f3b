"""MLflow's own interface answers as `nightloom predict` does, in a process without nightloom."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from nightloom.serving.answers.classes import LABEL, PROBABILITY, class_columns
from nightloom.serving.answers.texts import WrongInput, texts_of
from tests.answers import about
from tests.ports import free_port
from tests.serving.registered import CLASSES, Registered

COLUMNS = ["label", "probability", "no", "label (class)", "probability (class)", *CLASSES[3:]]
TEXTS = [
    "the cat sat",
    "",
    "Ünïcode 👍  red",
    "not the dog " * 9,
    "None",
    "nan",
    "red and blue , home",
]


PROGRAM = """
import json, sys
import mlflow.pyfunc, numpy, pandas
texts, out = json.loads(sys.argv[3]), {}
model, tagger = (mlflow.pyfunc.load_model(path) for path in sys.argv[1:3])
titles, bodies = [text[:4] for text in texts], [text[4:] for text in texts]

def plain(answer):
    assert isinstance(answer, pandas.DataFrame), type(answer)
    return {"columns": list(answer.columns), "rows": answer.to_dict("records")}

def ask(name, data, model=model):
    try:
        out[name] = plain(model.predict(data))
    except Exception as error:
        out[name] = str(error)

F = pandas.DataFrame
ask("text", F({"text": texts}))
ask("columns", F({"title": titles, "body": bodies}))
ask("all of them", F({"id": range(len(texts)), "text": "?", "title": titles, "body": bodies}))
none = [None, float("nan"), pandas.NA, pandas.NaT, numpy.nan, "a"]
ask("missing", F({"text": none}, dtype=object))
ask("missing of numbers", F({"text": [float("nan")] * 2}))
cat = "the cat"
ask("missing part", F({"title": [cat, None, pandas.NA], "body": [None, cat, cat]}))
ask("string dtype", F({"text": pandas.array(["the cat", None], dtype="string")}))
ask("categorical", F({"text": pandas.Categorical(["the cat", None, "the cat"])}))
ask("empty", F({"text": []}))
ask("nothing", F())
ask("wrong column", F({"Text": texts}))
ask("part of the columns", F({"title": titles}))
ask("numbers", F({"text": ["a", 5]}))
ask("series", pandas.Series(["the cat", "a"], name="text"))
ask("unnamed series", pandas.Series(["the cat", "a"]))
ask("list", ["the cat", "a"])
ask("dict", {"text": ["the cat", "a"]})
ask("dict of columns", {"title": ["the", ""], "body": ["cat", "a"]})
ask("dict with none", {"text": ["the cat", None]})
ask("dict of one", {"text": "the cat"})
ask("dict of arrays", {"text": numpy.array(["the cat", "a"])})
ask("uneven dict", {"title": ["the", "a"], "body": ["cat"]})
ask("entities", F({"text": texts}), tagger)
ask("no entities", F({"text": []}), tagger)
ask("wrong column of entities", F({"words": texts}), tagger)
moved = model.predict(F({"text": ["a", "b"]}, index=["x", 7]))
out["index"] = list(moved.index)
out["types"] = [str(kind) for kind in moved.dtypes]
out["example"] = plain(model.predict(model.input_example))
out["signature"] = [one.metadata.signature.to_dict() for one in (model, tagger)]
out["ours"] = [name for name in sys.modules if name.startswith("nightloom")]
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def asked(registered: Registered) -> dict[str, Any]:
    files = [str(registered.files[name]) for name in ("classes", "tags")]
    out = registered.run("-c", PROGRAM, *files, json.dumps(TEXTS))
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def as_rows(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `nightloom predict` says, in the columns of MLflow's frame."""
    names = dict(zip(CLASSES, COLUMNS[2:], strict=True))
    return [
        {
            "label": one["label"],
            "probability": one["probabilities"][one["label"]],
            **{names[name]: value for name, value in one["probabilities"].items()},
        }
        for one in answers
    ]


def test_a_classifier_answers_as_predict_does(asked, registered):
    expected = as_rows(registered.predicted("classes", TEXTS))
    assert len({row["probability"] for row in expected}) > len(TEXTS) - 2
    assert asked["text"] == {"columns": COLUMNS, "rows": about(expected)}
    assert asked["types"][0] == "str" and set(asked["types"][1:]) == {"float64"}
    assert asked["index"] == ["x", 7]
    assert asked["ours"] == []
    joined = [" ".join(filter(None, (text[:4], text[4:]))) for text in TEXTS]
    of_columns = as_rows(registered.predicted("classes", joined))
    assert asked["columns"]["rows"] == about(of_columns)
    assert asked["all of them"]["rows"] == about(of_columns)
    assert asked["example"]["rows"] == about(as_rows(registered.predicted("classes", ["a cat"])))


def test_a_tagger_answers_entities_as_predict_does(asked, registered):
    expected = registered.predicted("tags", TEXTS)
    assert sum(len(one["entities"]) for one in expected) > 3
    rows = [{"entities": one["entities"]} for one in expected]
    assert asked["entities"] == {"columns": ["entities"], "rows": about(rows)}
    assert asked["no entities"] == {"columns": ["entities"], "rows": []}


def test_what_is_missing_is_an_empty_text_as_in_training(asked, registered):
    answers = as_rows(registered.predicted("classes", ["the cat", "", "a"]))
    cat, empty, other = answers
    assert cat["label"] != empty["label"] or cat["probability"] != empty["probability"]
    cat, empty, other = about(answers)
    assert asked["missing"]["rows"] == [empty] * 5 + [other]
    assert asked["missing of numbers"]["rows"] == [empty] * 2
    assert asked["missing part"]["rows"] == [cat] * 3
    assert asked["string dtype"]["rows"] == [cat, empty]
    assert asked["dict with none"]["rows"] == [cat, empty]
    assert asked["categorical"]["rows"] == [cat, empty, cat]
    assert asked["empty"] == {"columns": COLUMNS, "rows": []}
    for shape in ("series", "dict", "dict of columns", "dict of arrays"):
        assert asked[shape]["rows"] == [cat, other], shape
    assert asked["dict of one"]["rows"] == [cat]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("nothing", "expected the columns 'title' and 'body', or a column 'text', got none"),
        ("wrong column", "pandas.DataFrame({'text': texts})"),
        ("unnamed series", "pandas.DataFrame({'text': texts})"),
        ("list", "pandas.DataFrame({'text': texts})"),
        ("part of the columns", "got only 'title'"),
        ("numbers", "expected texts in column 'text', got int 5 at index 1"),
        ("uneven dict", "expected as many texts in 'title' and 'body', got 2 and 1"),
        ("wrong column of entities", "expected the column 'text', got none of that name"),
    ],
)
def test_what_cannot_be_answered_is_one_line(asked, case, expected):
    assert isinstance(asked[case], str), asked[case]
    assert expected in asked[case]
    assert "\n" not in asked[case]


def test_the_signature_states_columns_and_answers(asked):
    classes, tags = asked["signature"]
    assert [one["name"] for one in json.loads(classes["inputs"])] == ["title", "body", "text"]
    outputs = json.loads(classes["outputs"])
    assert [one["name"] for one in outputs] == COLUMNS
    assert [one["type"] for one in outputs] == ["string", *["double"] * (len(COLUMNS) - 1)]
    [entities] = json.loads(tags["outputs"])
    assert (entities["name"], entities["type"]) == ("entities", "array")
    parts = {"entity_group", "score", "word", "start", "end"}
    assert set(entities["items"]["properties"]) == parts


def test_class_columns_are_all_different():
    assert class_columns(["a", "b"]) == ["a", "b"]
    names = ["label", "label (class)", "probability"]
    found = class_columns(names)
    assert found == ["label (class) (class)", "label (class)", "probability (class)"]
    assert len({*found, LABEL, PROBABILITY}) == 5


def test_a_column_called_text_among_others_stands_for_itself():
    import pandas

    frame = pandas.DataFrame({"text": ["a"], "title": ["b"]})
    assert texts_of(frame, ("title", "text"))[0] == ["b a"]
    with pytest.raises(WrongInput, match="got only 'text'"):
        texts_of(frame[["text"]], ("title", "text"))


@pytest.fixture(scope="module")
def served(registered: Registered) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--host", "127.0.0.1"]
    command += ["--model-uri", str(registered.files["classes"]), "--port", str(port)]
    log = registered.home / "serve.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [*command, "--env-manager", "local"],
            env=registered.environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(3000):
            assert server.poll() is None, log.read_text()
            try:
                if httpx.get(f"{url}/ping", timeout=1).is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def test_a_server_of_mlflow_answers_over_http(served, registered):
    def post(body: Any, kind: str = "application/json") -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{served}/invocations"
        return httpx.post(url, content=content, headers={"Content-Type": kind}, timeout=60)

    expected = as_rows(registered.predicted("classes", TEXTS))
    split = {"columns": ["text"], "data": [[text] for text in TEXTS]}
    for body in (
        {"dataframe_split": split},
        {"dataframe_records": [{"text": text} for text in TEXTS]},
        {"inputs": {"text": TEXTS}},
        {"inputs": [{"text": text} for text in TEXTS]},
        {"instances": [{"text": text} for text in TEXTS]},
    ):
        answer = post(body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"predictions": about(expected)}, list(body)
    cat, empty = about(as_rows(registered.predicted("classes", ["the cat", ""])))
    for body in (
        {"inputs": {"text": ["the cat", None]}},
        {"inputs": {"title": ["the", None], "body": ["cat", None]}},
        {"instances": [{"text": "the cat"}, {"text": None}]},
        {"dataframe_split": {"columns": ["text"], "data": [["the cat"], [None]]}},
    ):
        assert post(body).json() == {"predictions": [cat, empty]}, body
    wrong = post({"dataframe_split": {"columns": ["Text"], "data": [["a"]]}})
    assert wrong.status_code == 400
    assert "expected the columns 'title' and 'body', or a column 'text'" in wrong.json()["message"]


@pytest.mark.long("serving")
@pytest.mark.parametrize("name", ["classes", "tags"])
def test_the_command_line_of_mlflow_answers(registered, name, tmp_path):
    source, output = tmp_path / "in.json", tmp_path / "out.json"
    split = {"columns": ["text"], "data": [[text] for text in TEXTS]}
    source.write_text(json.dumps({"dataframe_split": split}))
    registered.run(
        "-m", "mlflow", "models", "predict", "--model-uri", str(registered.files[name]),
        "--input-path", str(source), "--output-path", str(output), "--env-manager", "local",
    )  # fmt: skip
    answers = registered.predicted(name, TEXTS)
    rows = (
        [{"entities": one["entities"]} for one in answers] if name == "tags" else as_rows(answers)
    )
    assert json.loads(output.read_text())["predictions"] == about(rows)
