"""Stage keys: what an artifact depends on, and what changed on a miss."""

from dataclasses import dataclass
from typing import Any

from nightloom.cache.canonical import digest_of
from nightloom.cache.fingerprint import Fingerprint

FORMAT = 1
"""Part of every key; increase it when the layout of artifacts changes."""

SHOWN = 32
"""Maximum characters of an external input in a message."""


@dataclass(frozen=True)
class StageKey:
    """Everything a stage's result depends on."""

    stage: str
    variant: str
    """The model family, if the stage's code depends on it."""
    settings: dict[str, Any]
    """The settings the stage reads, by dotted path."""
    inputs: dict[str, str]
    """Content digest of each input artifact, by the name of the parameter."""
    code: dict[str, str]
    libraries: dict[str, str]
    python: str
    external: dict[str, Any]
    """External inputs by content, for example the digests of files to read."""

    @classmethod
    def of(
        cls,
        *,
        stage: str,
        variant: str,
        settings: dict[str, Any],
        inputs: dict[str, str],
        fingerprint: Fingerprint,
        python: str,
        external: dict[str, Any],
    ) -> "StageKey":
        """Compose a key from its parts."""
        return cls(
            stage=stage,
            variant=variant,
            settings=settings,
            inputs=inputs,
            code=fingerprint.modules,
            libraries=fingerprint.libraries,
            python=python,
            external=external,
        )

    def parts(self) -> dict[str, Any]:
        """The key as plain JSON, stored with each artifact for comparison."""
        return {"format": FORMAT, **self.__dict__}

    def digest(self) -> str:
        """The key itself: SHA-256 of the canonical JSON of its parts."""
        return digest_of(self.parts())


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The differences between the parts of two keys, in words, most important first."""
    found: list[str] = []
    old, new = before.get("settings", {}), after["settings"]
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    found += [f"settings {n} {_show(old, n)} → {_show(new, n)}" for n in sorted(changed)]
    old, new = before.get("external", {}), after["external"]
    for name in sorted({**old, **new}):
        if old.get(name) != new.get(name):
            found.append(f"{name} changed{inside(old.get(name), new.get(name))}")
    old, new = before.get("inputs", {}), after["inputs"]
    for name in sorted({**old, **new}):
        if old.get(name) != new.get(name):
            found.append(f"input {name} changed {_short(old, name)} → {_short(new, name)}")
    old, new = before.get("code", {}), after["code"]
    modules = sorted(name for name in {**old, **new} if old.get(name) != new.get(name))
    if modules:
        more = f" and {len(modules) - 3} more" if len(modules) > 3 else ""
        found.append(f"code {', '.join(modules[:3])}{more} changed")
    old, new = before.get("libraries", {}), after["libraries"]
    for name in sorted({**old, **new}):
        if old.get(name) != new.get(name):
            found.append(f"library {name} {_show(old, name)} → {_show(new, name)}")
    for name in ("variant", "python", "format"):
        if before.get(name) != after.get(name):
            found.append(f"{name} {before.get(name)} → {after.get(name)}")
    return found


def inside(old: Any, new: Any) -> str:
    """What changed in an external input, if it is a short text or a list of files."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return ""
    told = []
    for name in sorted({*old, *new} - {"kind"}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, str) and isinstance(after, str):
            told.append(f"{name} {_brief(before)} → {_brief(after)}")
        elif isinstance(before, int) and isinstance(after, int):
            told.append(f"{name} {before:,} → {after:,}")
        elif isinstance(after, list) and isinstance(before, list):
            other = sum(one not in before for one in after)
            what = name.removesuffix("s") if other == 1 else name
            told.append(f"{other} {what} of {len(after)} new" if other else f"fewer {name}")
    return f": {', '.join(told)}" if told else ""


def _brief(text: str) -> str:
    """A digest shortened to its beginning; anything shorter as is."""
    return text if len(text) <= SHOWN else text[:12]


def _show(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return "unset"
    text = str(values[name])
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 60 else text[:57] + "..."


def _short(values: dict[str, str], name: str) -> str:
    return values[name][:8] if name in values else "none"
