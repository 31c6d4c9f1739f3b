"""Stages that runs leave out, and why; whoever reads their artifacts is given a placeholder."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar

from nightloom.scoped import scoped

_omitted: ContextVar[Mapping[str, str]] = ContextVar("nightloom_omitted", default={})  # noqa: B039


def omitting(stages: Mapping[str, str]) -> AbstractContextManager[Mapping[str, str]]:
    """Inside, runs leave these stages out; each with the reason."""
    return scoped(_omitted, stages)


def omitted(stage: str) -> str:
    """Why a stage is left out; '' if it is not."""
    return _omitted.get().get(stage, "")
