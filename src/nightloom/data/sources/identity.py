"""What a source is called and what identifies its content, found out without reading any row."""

import re
from typing import Any

from nightloom.data.formats.files import TABLE_FORMATS, TOKEN_FORMATS, files_identity
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.unused import refuse_unused
from nightloom.errors import InputError
from nightloom.settings.data import (
    HF,
    SAMPLE,
    TFDS,
    EntityDataSettings,
    TextDataSettings,
    is_local,
)

_HF_NAME = re.compile(
    r"(?P<name>[\w.-]+(/[\w.-]+)?)(:(?P<config>[^@:]+))?(@(?P<revision>[\w./-]+))?"
)


def parse_hf(source: str) -> tuple[str, str | None, str | None]:
    """Name, configuration and revision of `hf:NAME[:CONFIG][@REVISION]`.

    Raises InputError where the source is not of that form.
    """
    match = _HF_NAME.fullmatch(source.removeprefix(HF))
    if match is None:
        raise InputError(
            f"data.source={source}: expected hf:NAME[:CONFIG][@REVISION], "
            "for example hf:fancyzhx/ag_news"
        )
    return match["name"], match["config"], match["revision"]


def source_identity(settings: TextDataSettings | EntityDataSettings) -> dict[str, Any]:
    """What a cache key must hold for the source: JSON that changes when its content does.

    For local files: split, format, size and SHA-256 of each file that would be read, not its name
    or path; and the names of those left out, for they are told when the others are read.
    For a hub: name, configuration and revision (of a moving one, such as none given, only what
    was asked for). Raises InputError where files are missing, empty or claim the same split, and
    for a setting that the source has no use for.
    """
    source = settings.source
    if not is_local(source):
        refuse_unused(settings)
    if source == SAMPLE:
        return {"kind": "sample"}
    if source.startswith(TFDS):
        return {"kind": "tfds", "name": source.removeprefix(TFDS)}
    if source.startswith(HF):
        name, config, revision = parse_hf(source)
        return {"kind": "hf", "name": name, "config": config, "revision": revision}
    formats = TABLE_FORMATS if isinstance(settings, TextDataSettings) else TOKEN_FORMATS
    found = look_into(source, formats, settings.chosen_splits)
    refuse_unused(settings, {file.format for file in found.files.values()})
    identity = files_identity(found.files)
    return {**identity, "left_out": sorted(found.left_out)} if found.left_out else identity
