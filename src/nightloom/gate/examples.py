"""Whether a model's answers to the examples that must hold are those that must come out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightloom.data.inputs.examples import Entities, Example
from nightloom.settings.spelling import quoted, shown

MOST_TOLD = 3
MOST_ENTITIES = 8


@dataclass(frozen=True)
class Failed:
    """An example that does not hold."""

    called: str
    wanted: str
    came: str
    text: str


def failures(
    examples: Sequence[Example], answers: Mapping[str, str | Entities]
) -> Iterator[Failed]:
    """The examples that do not hold; answers: to every text."""
    for one in examples:
        came = [answers[text] for text in one.texts]
        if len(one.texts) == 1:
            if came[0] != one.wanted:
                yield Failed(one.called, told(one.wanted), told(came[0]), one.texts[0])
        elif _kind(came[0]) != _kind(came[1]):
            both = f"{told(came[0])} and {told(came[1])}"
            yield Failed(one.called, "the same answer", both, " | ".join(one.texts))


def told(answer: str | Entities) -> str:
    """An answer in words."""
    if isinstance(answer, str):
        return quoted(answer, 40)
    named = "; ".join(f"{shown(text, 40)} ({kind})" for text, kind in answer[:MOST_ENTITIES])
    more = f"; and {len(answer) - MOST_ENTITIES} more" if len(answer) > MOST_ENTITIES else ""
    return f"{named}{more}" or "no entity"


def _kind(answer: str | Entities) -> Any:
    """What has to agree in a pair: of entities their types, for the texts are others."""
    return answer if isinstance(answer, str) else [kind for _, kind in answer]


def why_refused(failed: Sequence[Failed], count: int, file: str) -> str:
    """The examples that fail, in a clause; empty where none does."""
    if not failed:
        return ""
    told = "; ".join(
        f"{one.called}: expected {one.wanted}, came {one.came}" for one in failed[:MOST_TOLD]
    )
    more = f"; and {len(failed) - MOST_TOLD} more" if len(failed) > MOST_TOLD else ""
    return f"{len(failed)} of {count} examples of {file} that must hold fail: {told}{more}"
