"""The record of a flow, for `nightloom run` and deployments."""

import re
from dataclasses import dataclass
from typing import Any

from nightloom.errors import InputError
from nightloom.plugins import LONGEST, load, package_of

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A flow: its name, its code, and a one-line summary."""

    name: str
    """In lower case, with dashes, such as classify-bert."""
    function: str
    """`module:function` of the Prefect flow with this name."""
    settings: str
    """`module:class` of its settings."""
    summary: str
    """Input, output and method, such as `texts → classes, with a Hugging Face encoder`."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"expected a flow's name such as classify-bert, got {self.name!r}")
        for named in (self.function, self.settings):
            if not all(named.partition(":")):
                raise ValueError(f"flow {self.name}: expected module:name, got {named!r}")

    def load(self) -> Any:
        """The Prefect flow.

        Raises:
            InputError: It belongs to another package and cannot be loaded.
        """
        return self._load(self.function)

    def load_settings(self) -> Any:
        """The type of its settings.

        Raises:
            InputError: It belongs to another package and cannot be loaded.
        """
        return self._load(self.settings)

    def _load(self, name: str) -> Any:
        try:
            return load(name)
        except (Exception, SystemExit) as error:
            if name.partition(".")[0] == __name__.partition(".")[0]:
                raise
            what = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
            raise InputError(
                f"flow {self.name}: {name} of package {package_of(name)} cannot be loaded "
                f"({what}); fix or uninstall it"
            ) from error
