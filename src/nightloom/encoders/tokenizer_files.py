"""The files of a fast tokenizer, copied so that AutoTokenizer loads the same one."""

import json
import shutil
from pathlib import Path
from typing import Any

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
"""The files that a fast tokenizer is loaded from; a checkpoint has some of them."""

CLASSES = {
    "bert": "Bert",
    "distilbert": "DistilBert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "camembert": "Camembert",
    "albert": "Albert",
}
"""How transformers calls the families in the names of its classes."""


def copy_tokenizer(
    source: Path, directory: Path, *, max_length: int, types: bool, family: str
) -> None:
    """Copy the files of a fast tokenizer, so that AutoTokenizer loads the same one.

    tokenizer_config.json is written anew: its class is stated, the length limit is at most
    `max_length`, and without `types` no token type ids are given to the model.
    """
    present = [name for name in TOKENIZER_FILES if (source / name).is_file()]
    if "tokenizer.json" not in present:
        from transformers import AutoTokenizer

        AutoTokenizer.from_pretrained(source).save_pretrained(directory)
        source, present = directory, ["tokenizer_config.json"]
    for name in present:
        if source != directory:
            shutil.copyfile(source / name, directory / name)
    path = directory / "tokenizer_config.json"
    values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    values.setdefault("tokenizer_class", f"{CLASSES[family]}Tokenizer")
    values["model_max_length"] = min(int(values.get("model_max_length", max_length)), max_length)
    types_name = ["token_type_ids"] if types else []
    values["model_input_names"] = ["input_ids", *types_name, "attention_mask"]
    for name in ("name_or_path", "_name_or_path", "special_tokens_map_file", "tokenizer_file"):
        values.pop(name, None)
    write_json(path, values)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` as JSON with sorted keys, the same bytes for equal values."""
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
