"""Which settings a call of `nightloom deploy` names; it leaves all others alone.

A setting that is not named stays as it is on the server. A file names all of them: those it lacks
have their defaults.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nightloom.errors import InputError
from nightloom.settings.base import at_path, public_fields
from nightloom.settings.deploy import DeploySettings
from nightloom.settings.parse import names, parse_settings

NAMES = tuple(names(DeploySettings))
DEFAULTS = {name: at_path(DeploySettings(), name) for name in NAMES}


@dataclass(frozen=True)
class Wanted:
    """The named settings, by dotted name."""

    values: Mapping[str, Any] = field(default_factory=dict)
    spoken: frozenset[str] = frozenset()
    """Those written explicitly, unlike those that a file sets by omission."""

    def has(self, *settings: str) -> bool:
        """Whether one of the settings is named."""
        return any(name in self.values for name in settings)

    def get(self, name: str, there: Any = None) -> Any:
        """The named value, else the existing one, else the default."""
        if name in self.values:
            return self.values[name]
        return DEFAULTS[name] if there is None else there


def parse_wanted(
    assignments: Iterable[str] = (), *, config: Path | None = None, unset: Iterable[str] = ()
) -> Wanted:
    """The settings that a command line and a file name.

    assignments: `a.b=value`, override the file. unset: names of settings to reset to their
    defaults.

    Raises:
        InputError: A setting is unknown, both given and unset, or its value is invalid.
    """
    settings = parse_settings(DeploySettings, assignments, config=config)
    spoken = {
        f"{group}.{name}"
        for group, attribute in public_fields(DeploySettings).items()
        for name in getattr(settings, attribute).model_fields_set
    }
    values = {name: at_path(settings, name) for name in (NAMES if config else spoken)}
    assigned = {one.partition("=")[0] for one in assignments}
    for name in unset:
        if name not in NAMES:
            close = get_close_matches(name, NAMES, n=1)
            hint = f"did you mean {close[0]}?" if close else "`nightloom flows deploy` lists them"
            raise InputError(f"expected a setting after --unset, got {name}; {hint}")
        if name in assigned:
            raise InputError(f"expected {name}=… or --unset {name}, got both; leave one out")
        values[name] = DEFAULTS[name]
    if values.get("nightly.active", True) is None:
        del values["nightly.active"]  # none: as it is on the server
    return Wanted(values, frozenset(spoken))
