"""The inputs of `nightloom predict`: texts on the command line, standard input, files."""

import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.data.formats.files import SourceFile
from nightloom.data.inputs.columns import Reading, Say
from nightloom.data.inputs.texts import Given, as_input, read_inputs
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted, shown

STANDARD = "-"
ARGUMENTS = "a text on the command line"
_SETTING = re.compile(r"\bdata\.(text|columns|encoding|quoted|delimiter)\b")


How = Callable[[str], Reading]
"""Maps a format to how its files are read."""


@dataclass(frozen=True)
class Input:
    """One input, in a format; it can be read more than once."""

    format: str
    read: Callable[[], Iterator[Given]]


@contextlib.contextmanager
def open_inputs(
    texts: Sequence[str], sources: Sequence[str], form: str | None, reading: How, *, say: Say
) -> Iterator[list[Input]]:
    """The inputs in the order of the command line, texts first; `-` is standard input.

    Inputs that can be read only once (standard input, pipes) are copied to a temporary file. `say`
    gets each note about reading differently from training once. Raises InputError for missing
    files.
    """
    if form is not None and not sources and STANDARD not in texts:
        raise InputError(
            f"--format {form} is for files and standard input, got only texts on the "
            "command line; leave it out, or name a file in --input"
        )
    if [*texts, *sources].count(STANDARD) > 1:
        raise InputError("expected standard input (-) once: it can be read only once")
    _no_files_among(texts, sources, say)
    told: set[str] = set()

    def say_once(message: str) -> None:
        if message not in told:
            told.add(message)
            say(message)

    with contextlib.ExitStack() as stack:
        inputs = []
        plain: list[str] = []
        for text in texts:
            if text == STANDARD:
                inputs += [_of_texts(plain)] if plain else []
                plain = []
                inputs.append(_of_file(STANDARD, form, reading, say_once, stack))
            else:
                _check_argument(text)
                plain.append(text)
        inputs += [_of_texts(plain)] if plain else []
        inputs += [_of_file(source, form, reading, say_once, stack) for source in sources]
        yield inputs


def _no_files_among(texts: Sequence[str], sources: Sequence[str], say: Say) -> None:
    """A shell expands `--input *.csv` to one input and several texts."""
    for text in texts:
        if text == STANDARD or len(text) > 1000 or not _is_file(text):
            continue
        named = shown(text, 300)
        if sources:
            raise InputError(f"expected --input before each file, got {named}; --input {named}")
        say(f"note: taking {quoted(text)} as a text; --input {named} reads the file of that name")


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a file name, or not one at all
        return False


def _check_argument(text: str) -> None:
    """Bytes on the command line that are not UTF-8 arrive as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"expected texts in UTF-8, got {shown(text)}, whose character {error.start + 1} is "
            "not; put the text in a file, --input FILE --set data.encoding=cp1252"
        ) from error


def _of_texts(texts: list[str]) -> Input:
    return Input(ARGUMENTS, lambda: iter([Given(list(texts))]))


def _of_file(
    source: str, form: str | None, reading: How, say: Say, stack: contextlib.ExitStack
) -> Input:
    path, called = Path(source).expanduser(), ""
    if source == STANDARD:
        called = "standard input"
        if sys.stdin.isatty():
            say("reading texts from the terminal, one per line; end with Ctrl-D")
        path = _spooled(sys.stdin.buffer, stack)
    elif path.exists() and not path.is_file() and not path.is_dir():
        called = source
        with path.open("rb") as stream:
            path = _spooled(stream, stack)
    file = as_input(path, form, name="" if source == STANDARD else source)

    def read() -> Iterator[Given]:
        with _told(file, called):
            how = reading(file.format)
            yield from read_inputs(file, how, lambda line: say(_renamed(line, file, called)))

    return Input(file.format, read)


def _spooled(stream: Any, stack: contextlib.ExitStack) -> Path:
    """A copy of a stream that can be read again."""
    path = stack.enter_context(_scratch())
    with path.open("r+b") as copy:
        shutil.copyfileobj(stream, copy)
    return path


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A file without a name, if possible: nothing is left of it, even after `kill -9`."""
    handles = Path("/proc/self/fd")
    if handles.is_dir():
        with tempfile.TemporaryFile() as unnamed:
            yield handles / str(unnamed.fileno())
    else:
        with tempfile.NamedTemporaryFile(prefix="nightloom-") as named:
            yield Path(named.name)


def _renamed(message: str, file: SourceFile, called: str) -> str:
    return message.replace(str(file.path), called) if called else message


@contextlib.contextmanager
def _told(file: SourceFile, called: str) -> Iterator[None]:
    """The readers' messages, in terms of this command."""
    try:
        yield
    except InputError as error:
        message = _renamed(str(error), file, called)
        named = _SETTING.search(message)
        if named and "--set " not in message:
            message += f"; here as --set {named[0]}=..."
        raise InputError(message) from error
