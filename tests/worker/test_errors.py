"""Errors that a builder raises on purpose, as the process that asked for it gets them."""

import pytest

from nightloom.errors import InputError
from tests.worker.making import context

BUILDERS = """
from nightloom.errors import InputError

class OddCell(InputError):
    pass

def refusing(context):
    raise OddCell("row 3: expected a number, got x")
"""


def test_an_error_of_a_type_of_its_own_is_still_wrong_input(worker, tmp_path):
    with pytest.raises(InputError, match="^row 3: expected a number, got x$") as raised:
        worker.build("made_builders:refusing", context(tmp_path))
    assert raised.value.exit_code == 2
