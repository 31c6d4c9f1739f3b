"""Property tests: any text is settings or an InputError, and settings survive being written."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from nightloom.errors import InputError
from nightloom.settings.base import flat, public_fields
from nightloom.settings.flows import (
    ClassifyBert,
    ClassifyHub,
    ClassifyTransformer,
    FlowSettings,
    NerBert,
)
from nightloom.settings.parse import names, parse_settings

FLOWS: tuple[type[FlowSettings], ...] = (ClassifyTransformer, ClassifyBert, ClassifyHub, NerBert)
KINDS = st.sampled_from(FLOWS)
NAMES = sorted({name for kind in FLOWS for name in names(kind)})
WORDS = st.sampled_from(
    'none null true false yes 0 1 -1 2 0.5 1e-3 1e999 nan inf auto cpu gpu:0 a,b [] [1] ["a"] {} '
    "all head top:3 minilm sample hf:a/b tfds:x utf-16 adamw linear lower mean iob1 refuse".split()
)
VALUES = WORDS | st.text(max_size=12) | st.integers().map(str) | st.floats().map(str)
SPELLED = (
    st.sampled_from(NAMES)
    | st.sampled_from(["train", "data", "register", "registry.name", "", ".", "train.", "x.y.z"])
    | st.text(max_size=10)
)
ASSIGNMENTS = st.lists(
    st.builds("{}={}".format, SPELLED, VALUES) | st.text(max_size=12), max_size=6
)


def typed(value: Any) -> str:
    """A value as one types it."""
    if value is None or isinstance(value, str):
        return value or "none"
    return json.dumps(value)


def sensible(kind: type[FlowSettings]) -> st.SearchStrategy[list[str]]:
    """Assignments of settings that the flow has, of their defaults and of numbers near them."""
    values = flat(kind(), tuple(public_fields(kind)))
    near = st.sampled_from(["1", "2", "0.5", "none", "a,b"])
    one = st.sampled_from(sorted(values)).flatmap(
        lambda name: st.builds(f"{name}={{}}".format, st.just(typed(values[name])) | near)
    )
    return st.lists(one, max_size=3)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=4)
    | WORDS
)
NODES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
GROUPS = st.dictionaries(
    st.sampled_from(["data", "train", "model", "register", "evaluate", "tokenizer", *NAMES])
    | SCALARS.filter(lambda key: key == key),
    st.dictionaries(
        st.sampled_from([name.partition(".")[2] for name in NAMES]) | st.text(max_size=6),
        NODES,
        max_size=4,
    )
    | NODES,
    max_size=4,
)


def parse(kind: type[FlowSettings], assignments: list[str], text: str) -> FlowSettings | None:
    """The settings, or None where they are refused, in one line that can be printed."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "c.yaml"
        config.write_text(text, "utf-8")
        try:
            found = parse_settings(kind, assignments, config=config)
        except InputError as error:
            message = str(error)
        else:
            return found
    assert message
    assert message.isprintable()
    return None


def survives(settings: FlowSettings) -> None:
    """Written to a file, and assigned as a command line does, settings are the same again."""
    values = flat(settings, tuple(public_fields(type(settings))))
    assert parse(type(settings), [], yaml.safe_dump(values)) == settings
    assignments = [f"{name}={typed(value)}" for name, value in values.items()]
    assert parse_settings(type(settings), assignments) == settings


@given(command=KINDS.flatmap(lambda kind: st.tuples(st.just(kind), sensible(kind) | ASSIGNMENTS)))
def test_any_command_line(command: tuple[type[FlowSettings], list[str]]) -> None:
    kind, assignments = command
    found = parse(kind, assignments, "")
    event("refused" if found is None else "read")
    if found is not None:
        survives(found)


@given(kind=KINDS, values=GROUPS, assignments=ASSIGNMENTS)
def test_any_tree_in_a_file(
    kind: type[FlowSettings], values: dict[Any, Any], assignments: list[str]
) -> None:
    found = parse(kind, assignments[:1], yaml.safe_dump(values, allow_unicode=True))
    event("refused" if found is None else "read")
    if found is not None:
        survives(found)


TOKENS = [
    *("train", "data", "model", "epochs", "seed", "text", "limit", "source", "sample", "register"),
    *(": ", ":\n  ", "\n", "\n  ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!!int ", "!!set "),
    *("!!timestamp ", "!!float ", "!!python/name:os ", "<<: ", "? ", "|", ">", "'", '"', "#", "%"),
    *("3", "1e3", "0x", "yes", "~", "---", "...", "\t", "\\", "é", "\u2028", "\x7f"),
]


@given(kind=KINDS, text=st.lists(st.sampled_from(TOKENS) | st.text(max_size=2), max_size=14))
def test_any_text_in_a_file(kind: type[FlowSettings], text: list[str]) -> None:
    parse(kind, [], "".join(text).encode("utf-8", "replace").decode())


@pytest.mark.parametrize("kind", FLOWS)
def test_the_defaults_survive(kind: type[FlowSettings]) -> None:
    survives(kind())
