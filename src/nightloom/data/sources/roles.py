"""Which parts of a source (files, folders, a hub's splits) are train, valid and test."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightloom.data import SPLITS
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, meant, near_file, quoted, shown

EITHER = "eval"
"""The role of anything called evaluation: valid, or test if there is another valid."""
_WORDS = {
    "train": ("train", "training", "trn"),
    "valid": ("valid", "validation", "val", "dev", "devel", "development", "testa"),
    "test": ("test", "testing", "tst", "testb"),
    EITHER: ("eval", "evaluation"),
}
_ROLE_OF = {
    word + end: role
    for role, words in _WORDS.items()
    for word in words
    for end in ("", "set", "data", "split", "file")
}
_PIECE = re.compile("[A-Z]?[a-z]+|[A-Z]+")
NO_ROLE = "its name says neither train, valid nor test"


def roles_of(name: str) -> frozenset[str]:
    """The roles mentioned in a name: `news_train.v2` is train, `trainers` is none."""
    found: set[str] = set()
    for word in re.split("[^A-Za-z0-9]+", name):
        whole = _ROLE_OF.get(word.lower())
        pieces = [word] if whole else _PIECE.findall(word)
        found.update(_ROLE_OF.get(piece.lower(), "") for piece in pieces)
    return frozenset(found - {""})


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a source, the roles its name mentions, and its other names."""

    name: str
    roles: frozenset[str]
    aliases: tuple[str, ...] = ()
    unreadable: str = ""
    """Why it cannot be read; empty if it can."""

    def is_called(self, name: str) -> bool:
        """Whether `name` means this part, ignoring case."""
        return name.lower() in (known.lower() for known in (self.name, *self.aliases))


@dataclass(frozen=True, slots=True)
class Assigned:
    """The name of each split's part, and why others were left out."""

    parts: Mapping[str, str]
    left_out: Mapping[str, str]


def assign(
    parts: Sequence[Part], chosen: Mapping[str, str], *, source: str, kind: str, strict: bool
) -> Assigned:
    """Decide which part is which split.

    `chosen` holds the settings (`data.SPLIT_split`): a part's name; for valid and test also
    `train`, to cut them from train. The others are detected from the names. With `strict`, two
    parts for one split are refused; else an exact name wins. `source` and `kind` (file, split) are
    for messages. Raises InputError if no part is train, two claim one split, or the part for a
    split cannot be read.
    """
    asked = {
        split: _asked(parts, split, name, source, kind)
        for split, name in chosen.items()
        if split == "train" or name.lower() != "train"
    }
    taken = [part.name for part in asked.values()]
    twice = next((name for name in taken if taken.count(name) > 1), None)
    if twice is not None:
        both = " and ".join(f"data.{split}_split" for split in asked if asked[split].name == twice)
        raise InputError(f"{both} are both {quoted(twice)}; expected a {kind} for each")
    found = dict(asked)
    rest = [part for part in parts if part.name not in taken]
    for split in SPLITS:
        if split not in chosen:
            part = _seen(rest, split, source, kind, strict)
            if part is not None:
                found[split] = part
    for part in rest:
        if part.roles == {EITHER} and not part.unreadable:
            for split in ("valid", "test"):
                if split not in found and split not in chosen:
                    found[split] = part
                    break
    _check_readable(rest, found, chosen, source)
    found = {split: found[split] for split in SPLITS if split in found}
    names = {split: part.name for split, part in found.items()}
    left_out = {
        part.name: _reason(part, chosen) for part in parts if part.name not in names.values()
    }
    return Assigned(names, left_out)


def _asked(parts: Sequence[Part], split: str, name: str, source: str, kind: str) -> Part:
    setting = f"data.{split}_split={shown(name)}"
    found = [part for part in parts if part.is_called(name)]
    if not found:
        roles = roles_of(name)
        found = [part for part in parts if roles and part.roles == roles]
    if len(found) == 1:
        if found[0].unreadable:
            raise InputError(f"{setting}: {found[0].name} cannot be read: {found[0].unreadable}")
        return found[0]
    names = [part.name for part in parts]
    if found:
        raise InputError(f"{setting} may be {listed([p.name for p in found])}; give the whole name")
    also = "" if split == "train" else ", or train to cut a part of it"
    if kind == "file":
        near = near_file(name, names)
        hint = f"; did you mean {quoted(near, 60)}?" if near else ""
    else:
        hint = meant(name, names, 60)
    raise InputError(
        f"{setting}: no such {kind} in {source}; expected one of: {listed(names)}{also}{hint}"
    )


def _seen(parts: Iterable[Part], split: str, source: str, kind: str, strict: bool) -> Part | None:
    found = [part for part in parts if part.roles == {split} and not part.unreadable]
    if len(found) > 1 and not strict:
        found = [part for part in found if part.name in _WORDS[split]] or found
    if len(found) > 1:
        first, second = found[0].name, found[1].name
        plain = (part.name for part in found if any(part.is_called(w) for w in _WORDS[split]))
        raise InputError(
            f"{source}: two {kind}s for the {split} split, {first} and {second}; say which in "
            f"data.{split}_split={shown(next(plain, first))}"
            + ("" if kind == "split" else ", or keep one")
        )
    return found[0] if found else None


def _check_readable(
    parts: Iterable[Part], found: Mapping[str, Part], chosen: Mapping[str, str], source: str
) -> None:
    """Refuse to continue without a split that exists but cannot be read."""
    for part in parts:
        for split in SPLITS:
            if part.unreadable and part.roles == {split} and split not in (*found, *chosen):
                otherwise = (
                    ""
                    if split == "train"
                    else f", or set data.{split}_split=train to leave it out and cut a part of "
                    f"train for {split}"
                )
                raise InputError(
                    f"{source}: {part.name} seems to be the {split} split but cannot be read: "
                    f"{part.unreadable}; convert it{otherwise}"
                )


def _reason(part: Part, chosen: Mapping[str, str]) -> str:
    if part.unreadable:
        return part.unreadable
    for split in chosen:
        if part.roles == {split}:
            return f"data.{split}_split is {chosen[split]}"
    if part.roles == {EITHER}:
        return "others are valid and test"
    if len(part.roles) > 1:
        return f"its name says {' and '.join(sorted(part.roles))}"
    if part.roles:
        return f"another one is {' and '.join(part.roles)}"
    return NO_ROLE


def left_out_warnings(left_out: Mapping[str, str], kind: str) -> list[str]:
    """What was not read and why, as a line for the user."""
    if not left_out:
        return []
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(name)
    told = "; ".join(f"{listed(found)} ({reason})" for reason, found in names.items())
    return [
        f"{kind}s of the source that are not read: {told}; data.train_split, data.valid_split and "
        "data.test_split select one by name"
    ]
