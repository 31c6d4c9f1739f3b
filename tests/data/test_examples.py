"""Files of examples that must hold: what is read, and what is refused by line."""

from pathlib import Path

import pytest

from nightloom.data.inputs.examples import ENTITIES, LABEL, check_names, parse_examples
from nightloom.errors import InputError
from nightloom.facts import DataFacts
from nightloom.settings.flows import ClassifyTransformer, NerBert
from nightloom.settings.local_paths import relative_paths
from nightloom.settings.parse import parse_settings
from nightloom.stages.examples import check_examples, examples_identity


def parsed(text: str, name: str = "held.csv", answer: str = LABEL):
    return parse_examples(text.encode(), Path(name), answer=answer)


def test_a_table_has_labels_pairs_and_names():
    found = parsed(
        'name,text,label,same_as\ngreeting,"hi,\nyou",red,\n\n,the sky,,THE SKY\n,wine,red,\n'
    )
    assert [(one.called, one.texts, one.wanted) for one in found] == [
        ("'greeting' (line 2)", ("hi,\nyou",), "red"),
        ("line 5", ("the sky", "THE SKY"), ""),
        ("line 6", ("wine",), "red"),
    ]


def test_lines_of_json_have_the_same_and_entities_in_all_spellings():
    found = parsed('{"text": "a", "label": 3}\n\n{"text": "b", "same_as": "c"}\n', "held.jsonl")
    assert [(one.line, one.texts, one.wanted) for one in found] == [
        (1, ("a",), "3"), (3, ("b", "c"), ""),
    ]  # fmt: skip
    wanted = (("Ann Lee", "PER"), ("Rome", "LOC"))
    for entities in (
        '[{"text": "Ann Lee", "type": "PER"}, {"text": "Rome", "type": "LOC"}]',
        '["Ann Lee (PER)", "Rome (LOC)"]',
        '"Ann Lee (PER); Rome (LOC)"',
        '[{"entity_group": "PER", "start": 0, "end": 7, "word": "ann lee", "score": 0.9},'
        ' {"type": "LOC", "start": 11, "end": 15}]',
    ):
        line = f'{{"text": "Ann Lee in Rome", "entities": {entities}}}'
        (one,) = parsed(line, "held.jsonl", ENTITIES)
        assert one.wanted == wanted
    table = parsed("text,entities\nAnn Lee in Rome,Ann Lee (PER); Rome (LOC)\nnone,\n", "a.csv",
                   ENTITIES)  # fmt: skip
    assert [one.wanted for one in table] == [wanted, ()]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "held.csv", "held.csv: no examples; expected some"),
        ("text,label\n", "held.csv", "held.csv: no examples"),
        ("text;label\na;b\n", "held.csv", "held.csv:1: expected a header with the columns text"),
        ("text,label,text\n", "held.csv", "held.csv:1: expected a header"),
        ("text,label\na,b,c\n", "held.csv", "held.csv:2: expected 2 fields as in the header"),
        ("text,label\na,b\nc,\n", "held.csv", "held.csv:3: expected label or same_as, got neither"),
        ("text,label,same_as\na,b,c\n", "held.csv", "held.csv:2: expected label or same_as, got b"),
        ('text,label\n"a,b\n', "held.csv", "held.csv:2: cannot be read as CSV"),
        ("[1]\n", "held.jsonl", "held.jsonl:1: expected a JSON object, got [1]"),
        ('{"text": "a", "label": "b"}\n{', "held.jsonl", "held.jsonl:2: expected a JSON object"),
        ('{"text": 1, "label": "b"}', "held.jsonl", "held.jsonl:1: text must be a string, got int"),
        ('{"label": "b"}', "held.jsonl", "held.jsonl:1: text must be a string, got nothing"),
        ('{"text": "a", "label": true}', "held.jsonl", "held.jsonl:1: label must be a string or"),
        ('{"text": "a", "entities": []}', "held.jsonl", "got 'entities'"),
        (
            '{"text": "a", "label": "b", "label": "c"}',
            "held.jsonl",
            "held.jsonl:1: the key 'label' is there twice",
        ),
        ("a,b\n", "held.txt", "register.examples=held.txt: expected a name that ends in .csv or"),
    ],
)
def test_what_is_no_example_is_refused_by_its_line(text, name, said):
    with pytest.raises(InputError) as error:
        parsed(text, name)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("entities", ['["Rome"]', '[{"text": "Rome"}]', "[3]", '["Paris (LOC)"]'])
def test_what_is_no_entity_of_the_text_is_refused(entities):
    with pytest.raises(InputError, match=r"^held.jsonl:1: .*(expected an entity|does not occur)"):
        parsed(f'{{"text": "in Rome", "entities": {entities}}}', "held.jsonl", ENTITIES)


def test_other_encodings_are_refused():
    with pytest.raises(InputError, match=r"^held.csv:2: expected text in UTF-8"):
        parse_examples("text,label\nü,b\n".encode("cp1252"), Path("held.csv"), answer=LABEL)


def test_labels_and_types_that_the_data_lack_are_refused():
    found = parsed("text,label,same_as\na,red,\nb,,c\nd,rde,\n")
    with pytest.raises(InputError, match=r"^held.csv:4: 'rde' is none of what the data have: red"):
        check_names(found, Path("held.csv"), ["red", "green"])
    check_names(found[:2], Path("held.csv"), ["red", "green"])
    with pytest.raises(InputError, match="red, green; did you mean 'green'\\?; fix the example"):
        check_names(parsed("text,label\na,gren\n"), Path("held.csv"), ["red", "green"])


def test_space_around_a_label_does_not_count_as_in_the_data():
    table = parsed('text,label\na, red\nb,"dark  red "\n')
    lines = parsed('{"text": "a", "label": " red\\n"}', "held.jsonl")
    assert [one.wanted for one in (*table, *lines)] == ["red", "dark  red", "red"]
    with pytest.raises(InputError, match=r"^held.csv:2: expected label or same_as, got neither"):
        parsed("text,label\na,  \n")


def test_the_file_of_a_flow_is_checked_and_its_content_is_in_the_key(tmp_path):
    path = tmp_path / "held.jsonl"
    texts = parse_settings(ClassifyTransformer, [f"register.examples={path}"])
    with pytest.raises(InputError, match=r"held.jsonl cannot be read: No such file"):
        check_examples(texts)
    path.write_text('{"text": "in Rome", "entities": ["Rome (LOC)"]}')
    with pytest.raises(InputError, match="expected the keys text and label or same_as"):
        check_examples(texts)
    tagged = parse_settings(NerBert, [f"register.examples={path}"])
    check_examples(tagged)
    known = {"task": "entities", "label_names": ["O", "B-LOC", "I-LOC"], "rows": {}}
    check_examples(tagged, DataFacts.of(known))
    with pytest.raises(InputError, match="'LOC' is none of what the data have: PER"):
        check_examples(tagged, DataFacts.of({**known, "label_names": ["O", "B-PER", "I-PER"]}))
    before = examples_identity(tagged)
    path.write_text(path.read_text() + "\n")
    assert examples_identity(tagged) != before
    assert examples_identity(NerBert()) == {}
    relative = parse_settings(ClassifyTransformer, ["register.examples=held.csv"])
    assert relative_paths(relative)["register.examples"] == "held.csv"
