"""Errors that a builder raises on purpose, as the process that asked for it gets them."""

import pytest

from nightloom.errors import InputError, RunError
from tests.worker.making import context

BUILDERS = """
from nightloom.errors import InputError

class OddCell(InputError):
    pass

def refusing(context):
    raise OddCell("row 3: expected a number, got x")

class PanicException(BaseException):
    pass

def panicking(context):
    raise PanicException("index 7 out of range")

def leaving(context):
    raise SystemExit
"""


def test_an_error_of_a_type_of_its_own_is_still_wrong_input(worker, tmp_path):
    with pytest.raises(InputError, match="^row 3: expected a number, got x$") as raised:
        worker.build("made_builders:refusing", context(tmp_path))
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("builder", "said"),
    [("panicking", "PanicException: index 7 out of range"), ("leaving", "SystemExit: ")],
)
def test_what_is_no_exception_is_told_like_one(worker, tmp_path, builder, said):
    with pytest.raises(RunError, match=rf"{said}.*\(made_builders.py:\d+\)"):
        worker.build(f"made_builders:{builder}", context(tmp_path))
