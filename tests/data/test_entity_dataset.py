"""Building tagged sentences: layouts, schemes, repairs, and the real corpus' counts."""

import json
from pathlib import Path

import pytest

from nightloom.data.arrow import read_columns
from nightloom.data.build import build_dataset
from nightloom.data.labels.tag_schemes import spans, tags_from_spans
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings

SENTENCES = [
    (["Anna", "left", "New", "York", "."], [("PER", 0, 1), ("LOC", 2, 4)]),
    (["Bo", "Li", "Ann", "Ray"], [("PER", 0, 2), ("PER", 2, 4)]),
    (["Nothing", "here"], []),
    (["IBM", "of", "Rome"], [("ORG", 0, 1), ("LOC", 2, 3)]),
]


def write_conll(path: Path, scheme: str, *, repeat: int = 3, newline: str = "\n") -> None:
    blocks = []
    for tokens, found in SENTENCES * repeat:
        tags = tags_from_spans(found, len(tokens), scheme)
        blocks.append(newline.join(f"{a} {b}" for a, b in zip(tokens, tags, strict=True)))
    path.write_bytes((newline * 2).join(blocks).encode())


def read(out: Path, split: str, names: list[str]) -> list[tuple[list[str], list[str]]]:
    table = read_columns(out / split, ["tokens", "tags"])
    return [
        (tokens, [names[tag] for tag in tags])
        for tokens, tags in zip(table["tokens"].to_pylist(), table["tags"].to_pylist(), strict=True)
    ]


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "bilou"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_schemes_are_seen_and_normalised(scheme: str, newline: str, tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        write_conll(tmp_path / f"{split}.txt", scheme, newline=newline)
    facts = build_dataset(EntityDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert facts["scheme"] == dict.fromkeys(("train", "valid", "test"), scheme)
    assert facts["label_names"] == ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    assert facts["entities"]["train"] == {"LOC": 6, "ORG": 3, "PER": 9}
    rows = read(tmp_path / "out", "train", facts["label_names"])
    assert [(tokens, spans(tags)) for tokens, tags in rows] == SENTENCES * 3
    assert facts["warnings"] == [
        "8 training sentences repeat the words of another training sentence",
        "12 valid sentences have the words of a training sentence",
        "12 test sentences have the words of a training sentence",
    ]


def test_layouts(tmp_path: Path) -> None:
    """Four columns, tabs, document lines, blank lines with spaces, BOM, no newline at the end."""
    text = "\ufeff-DOCSTART- -X- O O\n\n \t\nRome\tNN\tO\tB-LOC\nand\tCC\tO\tO\n  \n\n-DOCSTART-\n"
    text += "New York\tNN\tO\tB-LOC"
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.conll").write_text(text, encoding="utf-8")
    facts = build_dataset(EntityDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert read(tmp_path / "out", "test", facts["label_names"]) == [
        (["Rome", "and"], ["B-LOC", "O"]),
        (["New York"], ["B-LOC"]),
    ]


def test_columns_by_name_and_any_types(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("1 B-Gene brca1 x\n2 O binds x\n\n" * 10)
    settings = EntityDataSettings(source=str(tmp_path / "d.txt"), columns="id,tag,word,rest")
    facts = build_dataset(settings, tmp_path / "out")
    assert facts["label_names"] == ["O", "B-Gene", "I-Gene"]
    assert facts["rows"] == {"train": 8, "valid": 1, "test": 1}
    assert read(tmp_path / "out", "test", facts["label_names"])[0][0] == ["brca1", "binds"]


def test_jsonl(tmp_path: Path) -> None:
    rows = [
        {"tokens": tokens, "tags": tags_from_spans(found, len(tokens))}
        for tokens, found in SENTENCES * 5
    ]
    rows.append({"tokens": [], "tags": []})
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    facts = build_dataset(
        EntityDataSettings(source=str(tmp_path / "d.jsonl"), limit=7), tmp_path / "out"
    )
    assert facts["rows"] == {"train": 7, "valid": 5, "test": 5}  # each sentence stands five times
    assert facts["warnings"][0] == "1 sentence of train has no words and was left out"


def test_impossible_tags_are_counted_and_repaired_or_refused(tmp_path: Path) -> None:
    good = "a B-PER\nb I-PER\n\n" * 10
    (tmp_path / "train.txt").write_text(good + "x O\ny I-LOC\nz I-PER\n")
    (tmp_path / "valid.txt").write_text(good)
    (tmp_path / "test.txt").write_text(good)
    repair = EntityDataSettings(source=str(tmp_path))
    facts = build_dataset(repair, tmp_path / "out")
    assert facts["repaired"] == {"train": 2, "valid": 0, "test": 0}
    assert "train.txt:32: I-LOC after O is impossible in iob2" in facts["warnings"][0]
    assert str(tmp_path) not in facts["warnings"][0]
    last = read(tmp_path / "out", "train", facts["label_names"])[-1]
    assert last == (["x", "y", "z"], ["O", "B-LOC", "B-PER"])
    with pytest.raises(InputError, match=r"train\.txt:32: I-LOC after O is impossible in iob2"):
        build_dataset(repair.model_copy(update={"invalid_tags": "refuse"}), tmp_path / "no")
    assert not (tmp_path / "no" / "dataset.json").exists()
    assert not list((tmp_path / "no").rglob(".staging*"))


def test_splits_in_different_schemes(tmp_path: Path) -> None:
    write_conll(tmp_path / "train.txt", "iob1")
    write_conll(tmp_path / "test.txt", "bilou")
    facts = build_dataset(EntityDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert facts["scheme"] == {"train": "iob1", "test": "bilou"}
    assert facts["repaired"] == {"train": 0, "test": 0}
    assert "test is tagged in bilou, train in iob1" in facts["warnings"][0]


def test_stated_scheme_is_checked(tmp_path: Path) -> None:
    write_conll(tmp_path / "train.txt", "iob2")
    settings = EntityDataSettings(source=str(tmp_path), scheme="bilou", invalid_tags="refuse")
    with pytest.raises(InputError, match="impossible in bilou"):
        build_dataset(settings, tmp_path / "out")


def test_equal_bytes_and_datasets_reads_them(tmp_path: Path) -> None:
    import datasets

    write_conll(tmp_path / "train.txt", "iob1", repeat=20)
    for name in ("one", "two"):
        build_dataset(EntityDataSettings(source=str(tmp_path)), tmp_path / name)
    for path in (tmp_path / "one").rglob("*.*"):
        assert (
            path.read_bytes()
            == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        )
    loaded = datasets.load_from_disk(str(tmp_path / "one" / "train"))
    names = loaded.features["tags"].feature.names
    read_back = [(row["tokens"], [names[tag] for tag in row["tags"]]) for row in loaded]
    assert read_back == read(tmp_path / "one", "train", names)


def test_conll2003(shared_data: Path, tmp_path: Path) -> None:
    facts = build_dataset(
        EntityDataSettings(source=str(shared_data / "conll2003"), near="leave"), tmp_path / "out"
    )
    assert facts["scheme"]["train"] == "iob1"
    assert facts["rows"] == {"train": 14_041, "valid": 3_250, "test": 3_453}
    assert facts["words"] == {"train": 203_621, "valid": 51_362, "test": 46_435}
    entities = {split: sum(types.values()) for split, types in facts["entities"].items()}
    assert entities == {"train": 23_499, "valid": 5_942, "test": 5_648}
