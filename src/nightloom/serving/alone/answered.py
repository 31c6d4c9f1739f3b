"""What a SavedModel answered, text by text."""

from collections.abc import Mapping, Sequence

import numpy as np

from nightloom.data.inputs.examples import Entities
from nightloom.serving.answers.entities import entities_of
from nightloom.serving.answers.pieces import TaggedText


def divided(
    answers: Mapping[str, np.ndarray], count: int, more: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, str | Entities]]:
    """The answers to the first texts, and those to `more` of them, which were asked after these."""
    if "pieces" not in answers:
        first = {name: one if name == "names" else one[:count] for name, one in answers.items()}
        labels = [label.decode() for label in answers["label"][count:]]
        return first, dict(zip(more, labels, strict=True))
    ends = np.cumsum(answers["pieces"])
    found: dict[str, str | Entities] = {}
    for number, text in enumerate(more, count):
        tagged = tagged_text(answers, slice(ends[number] - answers["pieces"][number], ends[number]))
        entities = entities_of(text, tagged, spell=lambda ids, parts: "")
        found[text] = tuple(
            (text[one["start"] : one["end"]].strip(), one["entity_group"]) for one in entities
        )
    return dict(answers), found


def tagged_text(answers: Mapping[str, np.ndarray], part: slice) -> TaggedText:
    """The pieces of one text; part: where they are among those of all texts."""
    return TaggedText(
        ids=answers["id"][part],
        labels=[label.decode() for label in answers["label"][part]],
        scores=answers["score"][part],
        starts=answers["start"][part],
        ends=answers["end"][part],
    )
