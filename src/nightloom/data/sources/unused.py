"""Settings that do not apply to a source: they are refused or reported, never ignored."""

import codecs
from collections.abc import Collection

from nightloom.data.formats.known import FORMATS
from nightloom.errors import InputError
from nightloom.settings.data import DataSettings, EntityDataSettings


def refuse_unused(settings: DataSettings, formats: Collection[str] = ()) -> None:
    """Raise InputError for a setting that does not apply to the source.

    `formats` are those of its files; empty for a hub and the sample.
    """
    there = " and ".join(sorted(set(formats)))
    what = f"{settings.source} has {f'{there} files only' if there else 'no files'}"
    if codecs.lookup(settings.encoding).name != "utf-8" and not any(
        FORMATS[name].is_text for name in formats
    ):
        raise _unused("encoding", settings.encoding, "text files", what)
    if isinstance(settings, EntityDataSettings) or any(
        FORMATS[name].has_fields for name in formats
    ):
        return
    if settings.columns is not None:
        raise _unused("columns", ",".join(settings.columns), "CSV and TSV without a header", what)
    if settings.quoted is not None:
        raise _unused("quoted", str(settings.quoted).lower(), "CSV and TSV", what)
    if settings.delimiter is not None:
        raise _unused("delimiter", settings.delimiter, "CSV and TSV", what)


def _unused(name: str, value: str, use: str, what: str) -> InputError:
    return InputError(f"data.{name}={value} is for {use}; {what}: leave it out")


def unused_cuts(settings: DataSettings, splits: Collection[str]) -> list[str]:
    """A line for each setting about cutting a split that the source already has."""
    fields = type(settings).model_fields
    lines = []
    for split, fraction in (("valid", settings.valid_fraction), ("test", settings.test_fraction)):
        name = f"{split}_fraction"
        if split in splits and fraction != fields[name].default:
            lines.append(
                f"data.{name}={fraction} is not used: the source has its own {split} split; "
                f"data.{split}_split=train leaves that out and cuts a part of train"
            )
    others = []
    if "test" in splits and settings.test_from is not None:
        others.append(("test_from", settings.test_from, "test"))
    elif "test" in splits and settings.time is not None and not (settings.since or settings.until):
        others.append(("time", settings.time, "test"))
    if {"valid", "test"} <= set(splits) and settings.group is not None:
        others.append(("group", settings.group, "valid and test"))
    lines += [
        f"data.{name}={value} cuts nothing, the source has its own {split}; "
        "data.test_split=train leaves that out and cuts a part of train"
        for name, value, split in others
    ]
    return lines
