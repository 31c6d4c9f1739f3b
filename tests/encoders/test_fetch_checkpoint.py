"""Checkpoints from directories: copied, checked, their tokenizer in one form."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import transformers
from safetensors.numpy import load_file, save_file

from nightloom.encoders.checkpoints import fetch_checkpoint
from nightloom.encoders.identity import checkpoint_identity
from nightloom.encoders.weights import load_encoder
from nightloom.errors import InputError
from tests.encoders.tiny import TEXTS, save_checkpoint, save_tokenizer, torch_model


def one_line(source: str | Path, out: Path, **options: Any) -> str:
    """The one line with which `source` is refused."""
    with pytest.raises(InputError) as caught:
        fetch_checkpoint(str(source), out=out, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_directory(tmp_path: Path, family: str) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, family)
    (source / "pytorch_model.bin").write_bytes(b"never looked at")
    (source / "modeling.py").write_text("raise SystemExit")
    facts = fetch_checkpoint(str(source), out=out)
    assert facts["source"] == str(source)
    assert (facts["kind"], facts["revision"], facts["commit"]) == ("directory", None, None)
    assert facts["family"] == family
    assert (facts["layers"], facts["hidden_size"], facts["heads"]) == (2, 12, 3)
    assert facts["max_positions"] == 64
    assert facts["has_pooler"] == (family not in ("distilbert", "electra"))
    names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert facts["files"] == {name: (out / name).stat().st_size for name in names}
    encoder = load_encoder(out)
    assert facts["parameters"] == sum(int(np.prod(w.shape)) for w in encoder.variables)
    before, after = (transformers.AutoTokenizer.from_pretrained(d) for d in (source, out))
    assert before(list(TEXTS))["input_ids"] == after(list(TEXTS))["input_ids"]
    assert json.loads(json.dumps(facts)) == facts


def test_fetching_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "source", "bert")
    for name in ("one", "two"):
        fetch_checkpoint(str(tmp_path / "source"), out=tmp_path / name)
    again = fetch_checkpoint(str(tmp_path / "one"), out=tmp_path / "three")
    for name in again["files"]:
        contents = {(tmp_path / d / name).read_bytes() for d in ("one", "two", "three")}
        assert len(contents) == 1


@pytest.mark.parametrize("shards", ["8KB", "1GB"])
def test_directory_with_shards(tmp_path: Path, shards: str) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    torch_model("bert").save_pretrained(source, max_shard_size=shards)
    save_tokenizer(source, "bert")
    if shards == "1GB":  # one shard, named by an index
        (source / "model.safetensors").rename(source / "model-00001-of-00001.safetensors")
        index = {"weight_map": {"embeddings.LayerNorm.bias": "model-00001-of-00001.safetensors"}}
        (source / "model.safetensors.index.json").write_text(json.dumps(index))
    facts = fetch_checkpoint(str(source), out=out)
    assert "model.safetensors.index.json" in facts["files"]
    np.testing.assert_array_equal(load_encoder(out).words, load_encoder(source).words)


def test_vocabulary_alone_makes_a_tokenizer(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, "bert")
    vocabulary = transformers.AutoTokenizer.from_pretrained(source).get_vocab()
    expected = transformers.AutoTokenizer.from_pretrained(source)(list(TEXTS))["input_ids"]
    (source / "tokenizer.json").unlink()
    (source / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    fetch_checkpoint(str(source), out=out)
    found = transformers.AutoTokenizer.from_pretrained(out)
    assert found(list(TEXTS))["input_ids"] == expected


def test_no_such_directory(tmp_path: Path) -> None:
    for source in ("./absent", str(tmp_path / "absent"), "~/absent/absent", "a b", "a/b/c", ""):
        assert "there is no such directory" in one_line(source, tmp_path / "out")
    (tmp_path / "file").write_text("")
    assert "there is no such directory" in one_line(tmp_path / "file", tmp_path / "out")


@pytest.mark.parametrize("source", ["/no/where", "./nowhere", "~/nowhere", "gs://a/b", "a/b/c"])
def test_a_directory_that_is_gone_is_told_before_anything_is_planned(source: str) -> None:
    with pytest.raises(InputError, match=f"there is no directory {source}; give"):
        checkpoint_identity(source, None)
    for other in ("owner/name", "name", "https://tfhub.dev/google/electra_small/2"):
        assert checkpoint_identity(other, None)["kind"] == "hub"


def test_revisions_are_for_the_hub(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "source", "bert")
    for source in (str(tmp_path / "source"), "minilm"):
        said = one_line(source, tmp_path / "out", revision="v2")
        assert said.startswith("model.revision=v2 is only for Hugging Face ids")
        with pytest.raises(InputError, match=r"leave out model.revision$"):
            checkpoint_identity(source, "v2")


def test_errors_name_the_source_and_not_the_copy(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, "bert")
    path = source / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    message = one_line(source, out)
    assert str(source) in message
    assert str(out) not in message


def test_no_tokenizer(tmp_path: Path) -> None:
    source = tmp_path / "source"
    save_checkpoint(source, "bert")
    (source / "tokenizer.json").unlink()
    message = one_line(source, tmp_path / "out")
    assert "the tokenizer is missing" in message
    assert "vocab.txt" in message


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\x80\x04pickle", b"null"],
    ids=["empty", "cut short", "list", "nothing in it", "pickle", "null"],
)
def test_damaged_tokenizer(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "source"
    save_checkpoint(source, "bert")
    (source / "tokenizer.json").write_bytes(content)
    assert "tokenizer" in one_line(source, tmp_path / "out")


def test_tokenizer_of_another_checkpoint(tmp_path: Path) -> None:
    source = tmp_path / "source"
    save_checkpoint(source, "bert", vocab_size=20)
    message = one_line(source, tmp_path / "out")
    assert "belongs to another checkpoint" in message
    assert "20 entries" in message


def test_pickle_where_safetensors_are_expected(tmp_path: Path) -> None:
    source = tmp_path / "source"
    save_checkpoint(source, "bert")
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    assert "pytorch_model.bin" in one_line(source, tmp_path / "out")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "bert"
    save_checkpoint(folder, "bert")
    return folder


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (lambda v: np.where(np.arange(v.size).reshape(v.shape) == 7, np.nan, v), "1 of 3,840"),
        (lambda v: v.astype(np.float64) * 1e200, "3,840 of 3,840"),
        (lambda v: (v * 50).astype(np.int8), "found I8; convert a quantised"),
        (lambda v: v > 0, "found BOOL"),
        (lambda v: v.astype(ml_dtypes.float8_e4m3fn), "found F8_E4M3"),
    ],
    ids=["nan", "beyond float32", "int8", "bool", "float8"],
)
def test_weights_that_are_no_finite_numbers(
    values: Callable[[np.ndarray], np.ndarray], named: str, whole: Path, tmp_path: Path
) -> None:
    source, name = tmp_path / "source", "embeddings.word_embeddings.weight"
    shutil.copytree(whole, source)
    tensors = load_file(source / "model.safetensors")
    ids = {"embeddings.position_ids": np.arange(3), "head.weight": np.full(3, np.nan)}
    save_file(tensors | ids, source / "model.safetensors")
    fetch_checkpoint(str(source), out=tmp_path / "first")  # what the encoder lacks does not matter
    save_file(tensors | {name: values(tensors[name])}, source / "model.safetensors")
    message = one_line(source, tmp_path / "out")
    assert name in message
    assert named in message


def test_bfloat16_is_read_where_tensorflow_is_not(whole: Path, tmp_path: Path) -> None:
    tensors = load_file(whole / "model.safetensors")
    narrow = {name: value.astype(ml_dtypes.bfloat16) for name, value in tensors.items()}
    save_file(narrow, tmp_path / "model.safetensors")
    code = """
import sys
from pathlib import Path
from nightloom.encoders.weight_files import check_values
assert "ml_dtypes" not in sys.modules, "nobody else has registered bfloat16"
check_values(Path(sys.argv[1]), sys.argv[2:])
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path), *narrow], check=True)


@pytest.mark.parametrize(
    ("pieces", "named"),
    [
        ([], "the piece '[CLS]', which none of vocab.txt has"),
        (["[PAD]", "[CLS]", "[SEP]", "a"], "the piece '[UNK]'"),
        (["a", "b"], "the piece '[CLS]'"),
    ],
    ids=["empty", "no unknown", "no special tokens"],
)
def test_a_vocabulary_without_the_pieces_that_every_text_needs(
    pieces: list[str], named: str, whole: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(whole, source, ignore=shutil.ignore_patterns("tokenizer*"))
    (source / "vocab.txt").write_text("\n".join(pieces))
    assert named in one_line(source, tmp_path / "out")


def test_a_tokenizer_that_puts_no_tokens_around_a_text(whole: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(whole, source)
    given = json.loads((source / "tokenizer.json").read_text())
    (source / "tokenizer.json").write_text(json.dumps(given | {"post_processor": None}))
    stated = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (source / "tokenizer_config.json").write_text(json.dumps(stated))
    assert "puts special tokens around a text" in one_line(source, tmp_path / "out")


def test_a_tokenizer_much_smaller_than_the_encoders_vocabulary_is_told(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nightloom.cli.console import Console

    with Console() as console:
        fetch_checkpoint(str(whole), out=tmp_path, report=console)
    assert "has 80 pieces, the encoder's vocabulary 320 entries" in capsys.readouterr().err
