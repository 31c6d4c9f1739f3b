"""What an export writes: the same bytes again, a tokenizer that all read alike, no code."""

import json
from pathlib import Path

import pytest
import transformers

from nightloom.encoders.weights import inspect, load_encoder
from nightloom.errors import InputError
from tests.encoders.test_export_pipelines import LABELS, TAGS, export, head
from tests.encoders.tiny import TEXTS, change_config, save_checkpoint


def test_same_bytes_for_the_same_model(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "source", "bert")
    kernel, bias = head(LABELS)
    for name in ("a", "b"):
        encoder = load_encoder(tmp_path / "source")
        export(tmp_path / name, encoder, "mean", kernel, bias, tmp_path / "source")
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "averages" in (tmp_path / "a" / "README.md").read_text()


def test_exports_can_be_trained_further_except_where_a_layer_averages(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "source", "bert")
    encoder = load_encoder(tmp_path / "source")
    kernel, bias = head(LABELS)
    export(tmp_path / "pooler", encoder, "pooler", kernel, bias, tmp_path / "source")
    found = inspect(tmp_path / "pooler")
    config, has_pooler = found.config, found.has_pooler
    assert config == encoder.config
    assert has_pooler
    export(tmp_path / "mean", encoder, "mean", kernel, bias, tmp_path / "source")
    with pytest.raises(InputError, match="give the checkpoint that it was trained from"):
        load_encoder(tmp_path / "mean")


def test_a_head_of_another_shape(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    kernel, bias = head(TAGS)
    with pytest.raises(InputError, match=r"3 labels needs a kernel of \(12, 3\)"):
        export(tmp_path / "out", load_encoder(tmp_path), "cls", kernel, bias, tmp_path)


def test_tokenizer_is_written_as_autotokenizer_has_it(tmp_path: Path, family: str) -> None:
    from tokenizers import Tokenizer

    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, family)
    kernel, bias = head(LABELS)
    export(out, load_encoder(source), "cls", kernel, bias, source)
    texts = [*TEXTS, "Éa  THE\tcat<mask>s [MASK] 猫 x", ""]
    before = transformers.AutoTokenizer.from_pretrained(source)
    after = transformers.AutoTokenizer.from_pretrained(out)
    bare = Tokenizer.from_file(str(out / "tokenizer.json"))
    expected = before(texts)["input_ids"]
    assert after(texts)["input_ids"] == expected
    assert [row.ids for row in bare.encode_batch(texts)] == expected
    assert after.pad_token_id == load_encoder(source).config.pad_id
    assert after.special_tokens_map == before.special_tokens_map


def test_cased_tokenizers_stay_cased(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, "bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "The", "the"]
    tokenizer = transformers.BertTokenizer(
        vocab={piece: i for i, piece in enumerate(vocabulary)}, do_lower_case=False
    )
    tokenizer.save_pretrained(source)
    kernel, bias = head(LABELS)
    export(out, load_encoder(source), "cls", kernel, bias, source)
    assert transformers.AutoTokenizer.from_pretrained(out)("The the THE")["input_ids"] == [
        2,
        5,
        6,
        1,
        3,
    ]


def test_no_tokenizer(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "source", "bert")
    kernel, bias = head(LABELS)
    encoder = load_encoder(tmp_path / "source")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="the tokenizer is missing"):
        export(tmp_path / "out", encoder, "cls", kernel, bias, tmp_path / "empty")


def test_code_that_a_tokenizer_asks_for_is_not_run(tmp_path: Path) -> None:
    source = tmp_path / "source"
    save_checkpoint(source, "bert")
    planted = tmp_path / "planted"
    (source / "evil.py").write_text(f"open({str(planted)!r}, 'w')\nclass Evil: pass\n")
    change_config(source, auto_map={"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"})
    path = source / "tokenizer_config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}}))
    kernel, bias = head(LABELS)
    export(tmp_path / "out", load_encoder(source), "cls", kernel, bias, source)
    assert not planted.exists()
    assert "auto_map" not in (tmp_path / "out" / "tokenizer_config.json").read_text()
