"""What models answered in two processes, compared."""

from typing import Any

import pytest


def about(answers: Any) -> Any:
    """Equal to the same answers whose numbers differ in their last, sixth digit.

    They are rounded where they are made: what two processes compute may lie on both sides.
    """
    match answers:
        case float():
            return pytest.approx(answers, rel=0, abs=3e-6)
        case dict():
            return {name: about(value) for name, value in answers.items()}
        case list():
            return [about(value) for value in answers]
    return answers
