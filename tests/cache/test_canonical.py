import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloom.cache.canonical import canonical_json, digest_of

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN)
def test_order_of_keys_does_not_count(value):
    turned = json.loads(json.dumps(value), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert canonical_json(turned) == canonical_json(value)


@given(PLAIN)
def test_it_is_json_that_gives_the_value_back(value):
    assert json.loads(canonical_json(value)) == value


def test_digest_is_the_same_in_another_process():
    value = {"b": [1, 2.5, None, True], "a": "ä\n"}
    code = f"from nightloom.cache.canonical import digest_of;print(digest_of({value!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest_of(value)


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"bytes", object(), {1: "key is no text"}],
    ids=["set", "bytes", "object", "key that is no text"],
)
def test_what_json_cannot_say_exactly_is_refused(value):
    with pytest.raises(TypeError, match="expected"):
        canonical_json({"x": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="finite"):
        digest_of([value])


def test_true_and_one_differ():
    assert digest_of(True) != digest_of(1)
