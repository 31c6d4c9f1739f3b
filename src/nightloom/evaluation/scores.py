"""How well a class or a type of entity is found."""

from typing import TypedDict


class Scores(TypedDict):
    """Its precision, recall and F1, and how often it is there; what is undefined is 0."""

    precision: float
    recall: float
    f1: float
    support: int
