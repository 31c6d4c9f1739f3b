"""Files on web servers: `https://HOST/FILE`, identified by the server's headers."""

import codecs
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from nightloom.data.formats.known import ENDINGS, FORMATS
from nightloom.data.sources import fetched, states
from nightloom.data.sources.file_names import format_of
from nightloom.data.sources.files import counter
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.opened import Files
from nightloom.data.sources.states import State
from nightloom.data.sources.unused import refuse_unused
from nightloom.downloads.addresses import Address
from nightloom.downloads.looking import look
from nightloom.downloads.transfer import Answer, download
from nightloom.downloads.words import one_line
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings
from nightloom.sources import Source

_SERVER = "its server"
_MISSING = "there is no such file, check the address"
_WAYS = (
    "check the network and the login, in ~/.netrc or in the address as ${NAME} for a "
    "variable of the environment"
)
_PAGES = ("text/html", "application/xhtml+xml")
_ENDING_OF_TYPE = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/x-jsonlines": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "text/plain": ".txt",
}
_GZIP = b"\x1f\x8b"


def identity(settings: DataSettings) -> Mapping[str, Any]:
    """The address, and the server's description of the file, or, without one, its digest.

    Raises InputError for a missing file, RunError for a server that does not answer if
    `data.offline=fail`, or if it never did.
    """
    source = Address(settings.source).name
    state = states.required(_state(settings), source=source, what=_SERVER, offline=settings.offline)
    return {"address": source, **state}


def told(settings: DataSettings) -> str:
    """A note that an earlier state of the file is used, if its server does not answer."""
    name = Address(settings.source).name
    return states.told(_state(settings), source=name, what=_SERVER)


def accepts(settings: DataSettings) -> None:
    """Raises ValueError for anything but the address of a file."""
    try:
        parts = urlsplit(settings.source)
        whole = bool(parts.netloc) and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(f"data.source={settings.source}: expected {HTTPS.written}")


def check(settings: DataSettings) -> None:
    """Raises InputError for an unset variable in the address."""
    assert Address(settings.source).url


def _key(settings: DataSettings) -> states.Key:
    return ("web", settings.source)


def _state(settings: DataSettings) -> State:
    return states.current(_key(settings), lambda: _asked(settings))


def _asked(settings: DataSettings) -> Mapping[str, Any]:
    address = Address(settings.source)
    answer = look(address, ways_out=_WAYS, missing=_MISSING)
    if why := _no_rows(answer):
        raise InputError(f"{address.name}: {why}")
    state = _said(answer)
    if "etag" in state or "modified" in state:
        return state
    with fetched.somewhere() as folder:
        state = _digest(_fetch(settings, folder, SILENT)[0])
        fetched.keep_if_home(folder, _key(settings), state)
    return state


def _said(answer: Answer) -> dict[str, Any]:
    said = {"etag": answer.etag, "modified": answer.modified, "bytes": answer.length}
    return {name: value for name, value in said.items() if value}


def _digest(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"sha256": digest, "bytes": file.stat().st_size}


def _no_rows(answer: Answer) -> str:
    if answer.type not in _PAGES:
        return ""
    return (
        f"expected a file of rows, got a page ({answer.type}); check the address, and the login, "
        "in ~/.netrc or as ${NAME} in the address"
    )


def open_web(settings: DataSettings, report: Report = SILENT) -> Files:
    """Download the file, unless its last known state is in the home."""
    key, name = _key(settings), Address(settings.source).name
    known, _ = states.last_known(key)
    folder = fetched.find(key, known)
    if folder is None:
        with fetched.fetching() as new:
            file, answer = _fetch(settings, new, report)
            came = _said(answer)
            if known is None or "sha256" in known or not ("etag" in came or "modified" in came):
                came = _digest(file)
            same = known is not None and all(came.get(n, v) == v for n, v in known.items())
            known = known if same else came
            assert known is not None
            folder = fetched.keep(new, key, known)
    [file] = folder.iterdir()
    report.log(f"{name} was fetched to {file}")
    found = look_into(str(file), ENDINGS[settings.task], settings.chosen_splits)
    refuse_unused(settings, {one.format for one in found.files.values()})
    return replace(
        found,
        identity={"address": name, **(known or {})},
        facts={"address": name},
        rows=counter(settings),
    )


def _fetch(settings: DataSettings, folder: Path, report: Report) -> tuple[Path, Answer]:
    """Download the file into `folder`, under a name that shows its format."""
    address = Address(settings.source)
    spool = folder / ".spool"
    with spool.open("wb") as stream:
        answer = download(
            address,
            stream,
            ways_out=_WAYS,
            missing=_MISSING,
            accept=_no_rows,
            unreached=RunError,
            report=report,
        )
    with spool.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    if answer.encoding not in ("", "identity") and not packed:
        raise InputError(
            f"{address.name}: the server sends it packed as {one_line(answer.encoding, 40)}, which "
            "was not asked for; expected it as it is, or in gzip"
        )
    name = _name(settings, address, answer)
    if FORMATS[format_of(Path(name), ENDINGS[settings.task])[0]].is_text:
        name = name.removesuffix(".gz") + (".gz" if packed else "")
        if warning := _other_charset(settings, answer):
            report.warn(f"{address.name}: {warning}")
    return spool.rename(folder / name), answer


def _name(settings: DataSettings, address: Address, answer: Answer) -> str:
    """A name for the file with a known extension: from its address, else the response."""
    endings = ENDINGS[settings.task]
    paths = (urlsplit(address.given).path, answer.filename, urlsplit(answer.url).path)
    names = [PurePosixPath(unquote(path)).name for path in paths]
    by_type = _ENDING_OF_TYPE.get(answer.type, "")
    for name in (*names, f"rows{by_type}"):
        safe = re.sub(r"[^\w.-]", "_", name)[-100:].lstrip(".")
        if safe and format_of(Path(safe), endings)[0]:
            return safe
    raise InputError(
        f"{address.name}: neither the address nor the server ({answer.type or 'no Content-Type'}) "
        f"says what it is; expected a name ending in {', '.join(endings)}"
    )


def _other_charset(settings: DataSettings, answer: Answer) -> str:
    try:
        said = codecs.lookup(answer.charset).name
    except LookupError:
        return ""
    if said in ("ascii", codecs.lookup(settings.encoding).name):
        return ""
    return (
        f"the server says charset={answer.charset}, but it is read as {settings.encoding}; "
        f"data.encoding={answer.charset} reads it so"
    )


HTTPS = Source(
    prefix="https:",
    open=open_web,
    identity=identity,
    told=told,
    check=check,
    accepts=accepts,
    has_files=True,
    written="https://HOST/FILE",
)
HTTP = replace(HTTPS, prefix="http:")
