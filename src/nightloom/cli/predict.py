"""`nightloom predict`: a registered model's answers, as JSON lines."""

import json
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from nightloom.cli.main import say
from nightloom.errors import InputError
from nightloom.home import Home

AT_ONCE = 4096
"""Texts that are read, sorted by length and answered together."""


@click.command(
    epilog='Examples: nightloom predict classify-transformer "Stocks rally on rate cut"; '
    "nightloom predict classify-transformer@challenger --input texts.txt --output answers.jsonl; "
    "cat texts.txt | nightloom predict classify-transformer/3 -"
)
@click.argument("model")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--input", "source", metavar="FILE", help="One text a line; .jsonl: its `text`.")
@click.option("--output", metavar="FILE", help="Write there, all or nothing.")
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1))
def predict(
    model: str, texts: tuple[str, ...], source: str | None, output: str | None, batch_size: int
) -> None:
    """Answer each TEXT with MODEL: name, name@alias or name/version.

    A plain name means the champion. `-` stands for standard input, a text a line. Gives a JSON
    line a text, in order.
    """
    from nightloom.registry.names import resolve_model

    if not texts and source is None:
        raise InputError("expected a text, - or --input FILE; got nothing to predict on")
    home = Home.current()
    resolved = resolve_model(home.tracking_uri, model)
    if resolved.note:
        say(f"note: {resolved.note}")
    lines = _texts(texts, source)
    from nightloom.serving.predictor import load_predictor

    predictor = load_predictor(home, resolved.entry)
    answers = _answers(predictor, lines, batch_size)
    if output is None:
        for line in answers:
            click.echo(line)
        return
    target = Path(output)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in answers)
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _answers(predictor: Any, texts: Iterable[str], batch_size: int) -> Iterator[str]:
    remaining = iter(texts)
    while group := list(islice(remaining, AT_ONCE)):
        for answer in predictor.predict(group, batch_size=batch_size):
            yield json.dumps(answer, ensure_ascii=False)


def _texts(given: tuple[str, ...], source: str | None) -> Iterator[str]:
    for text in given:
        if text == "-":
            yield from _lines(sys.stdin.buffer.read(), "standard input")
        else:
            yield text
    if source == "-":
        yield from _lines(sys.stdin.buffer.read(), "standard input")
    elif source is not None:
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {source}: {error.strerror}") from error
        yield from _lines(content, source, json_lines=source.endswith((".jsonl", ".ndjson")))


def _lines(content: bytes, name: str, *, json_lines: bool = False) -> Iterator[str]:
    for number, raw in enumerate(content.split(b"\n"), start=1):
        raw = raw.removesuffix(b"\r")
        if not raw:
            continue
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"expected text in UTF-8, got byte {raw[error.start]:#04x} in {name}:{number}"
            ) from error
        yield _text_of(line, f"{name}:{number}") if json_lines else line


def _text_of(line: str, place: str) -> str:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InputError(f"expected a JSON object in {place}, got {line[:60]!r}") from error
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise InputError(f"expected a JSON object with a `text` in {place}, got {line[:60]!r}")
    return text
