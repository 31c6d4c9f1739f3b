"""Pairs of values that are refused, in one line that names both settings; rows go around them."""

from itertools import product

from tests.every_setting.array import Pair
from tests.every_setting.values import Values

Rule = tuple[str, str, str, str]
"""Two settings, each with its values: files without their folder, `*` for all but none."""

_DAYS = ("data.test_from", "data.since", "data.until")
_TIMELESS = (
    ("data.group", "*"),
    ("data.near", "keep_together"),
    ("data.source", "sample sentences"),
)
CUTS: tuple[Rule, ...] = (
    ("data.group", "*", "data.time", "*"),
    ("data.near", "keep_together", "data.time", "*"),
    ("data.test_from", "*", "data.time", "none"),
    ("data.since", "*", "data.time", "none"),
    ("data.until", "*", "data.time", "none"),
    ("data.source", "sample sentences", "data.keep", "*"),
    ("data.source", "sample sentences", "register.slices", "day"),
    ("data.source", "sample", "data.group", "*"),
    ("data.source", "sample", "data.time", "*"),
    # which need a time, that the other one refuses
    *((*one, name, "*") for one in _TIMELESS for name in _DAYS),
)
FILES: tuple[Rule, ...] = (
    ("data.source", "alone.csv split rows.jsonl rows.parquet", "data.columns", "*"),
    ("data.source", "rows.jsonl rows.parquet sample", "data.quoted", "*"),
    ("data.source", "rows.jsonl rows.parquet sample", "data.delimiter", "*"),
    ("data.source", "rows.parquet sample", "data.encoding", "cp1252"),
    ("data.source", "bare.csv", "data.columns", "none"),
)
TEXTS: tuple[Rule, ...] = (
    *CUTS,
    ("data.label_base", "*", "data.label_names", "none"),
    ("data.label_base", "*", "data.label", "none"),
    ("data.label_base", "1", "data.label", "zero"),
    ("data.label_base", "0", "data.label", "one"),
    *FILES,
    ("data.source", "sample", "data.columns", "*"),
    ("data.source", "sample", "data.text", "*"),
    ("data.source", "sample", "data.label", "*"),
    ("data.source", "sample", "data.label_names", "*"),
)
REVISION: Rule = ("model.revision", "*", "model.checkpoint", "*")
CASED: Rule = ("model.checkpoint", "roberta", "model.lowercase", "true")
SHARED: Rule = ("model.trainable", "top:1 top:2", "model.checkpoint", "albert")
POOLER: Rule = ("model.pooling", "pooler", "model.checkpoint", "distilbert")
ENTITIES: tuple[Rule, ...] = (
    *CUTS,
    ("data.source", "sentences", "data.time", "*"),
    ("data.source", "sample", "data.columns", "*"),
    ("data.source", "sentences.jsonl", "data.columns", "*"),
    ("data.source", "sample", "data.encoding", "cp1252"),
    ("model.overlap", "20", "model.length", "3"),
    ("data.scheme", "iob1 bilou ioe1 ioe2 io", "data.invalid_tags", "refuse"),
)
HUB: tuple[Rule, ...] = (
    ("model.encoder", "albert", "model.preprocess", "*"),
    ("model.encoder", "encoder", "model.lowercase", "*"),
    ("model.encoder", "encoder", "model.preprocess", "none"),
)
RULES: dict[str, tuple[Rule, ...]] = {
    "classify-transformer": TEXTS,
    "classify-bert": (*TEXTS, REVISION, SHARED, POOLER, CASED),
    "classify-hub": (*TEXTS, *HUB),
    "ner-bert": (*ENTITIES, REVISION, SHARED, CASED),
    "score": FILES,
}


def refused_pairs(flow: str, values: Values) -> set[Pair]:
    """The pairs that the rules refuse, spelled as the values are."""
    return {
        frozenset(((one, a), (other, b)))
        for one, ones, other, others in RULES.get(flow, ())
        if one in values and other in values
        for a, b in product(_meant(values[one], ones), _meant(values[other], others))
    }


def _meant(values: list[str], which: str) -> list[str]:
    if which == "*":
        return [value for value in values if value != "none"]
    return [value for value in values if value.rpartition("/")[2] in which.split()]
