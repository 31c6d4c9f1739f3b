"""`nightloom predict`: a registered model's answers for texts and files."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nightloom.cli.main import say
from nightloom.cli.settled import settled_home
from nightloom.errors import InputError, RunError

if TYPE_CHECKING:
    from nightloom.data.inputs.texts import Given
    from nightloom.serving.writing import Kinds, Writer

FORMATS = ("lines", "csv", "tsv", "jsonl", "json", "parquet", "conll")


@click.command(
    epilog='Examples: nightloom predict classify-transformer "Stocks rally on rate cut"; '
    "nightloom predict classify-transformer@challenger --input tickets.csv --output answers.csv; "
    "cat texts.txt | nightloom predict classify-transformer/3 -"
)
@click.argument("model")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "--input",
    "sources",
    multiple=True,
    metavar="FILE",
    help="CSV, TSV, JSONL, Parquet (also .gz), else one text per line; - for standard input. May "
    "be repeated.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="The input's format; by default by extension.",
)
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="COLUMN",
    help="Column to carry through; by default id. May be repeated.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SETTING=VALUE",
    help="How files are read: data.text, data.columns, data.encoding, data.quoted, data.delimiter; "
    "by default like the training files.",
)
@click.option(
    "--output",
    metavar="FILE",
    help="Output file, written completely or not at all: .csv, .tsv, .parquet, else JSON lines.",
)
@click.option(
    "--precision",
    type=float,
    metavar="0.95|0.98|0.99",
    help="Answer only where the version is right that often; other texts have no answer.",
)
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1))
def predict(
    model: str,
    texts: tuple[str, ...],
    sources: tuple[str, ...],
    form: str | None,
    ids: tuple[str, ...],
    settings: tuple[str, ...],
    output: str | None,
    precision: float | None,
    batch_size: int,
) -> None:
    """Predict each TEXT with MODEL: name, name@alias or name/version.

    A plain name means the champion. Files are read as for training, by the columns that the
    version was trained on; `-` is standard input, one text per line. There is one answer per
    text, in order.
    """
    from nightloom.cli.asked import Asked
    from nightloom.cli.inputs import open_inputs
    from nightloom.registry.files.fetching import model_files
    from nightloom.registry.names import resolve_model
    from nightloom.registry.thresholds import threshold_of
    from nightloom.serving.writing import format_of

    if not texts and not sources:
        raise InputError("expected a text, - or --input FILE; got nothing to predict on")
    written = format_of(output)
    if output is not None:
        output = str(Path(output).expanduser())
        _check_output(Path(output), sources)
    asked = Asked.of(settings, ids)
    home = settled_home()
    resolved = resolve_model(home.tracking_uri, model)
    if resolved.note:
        say(f"note: {resolved.note}")
    threshold = None if precision is None else threshold_of(home, resolved.version, precision)
    with open_inputs(
        texts, sources, form, asked.reading(home, resolved.version), say=say
    ) as inputs:
        asked.check([one.format for one in inputs])
        count = _count(chain.from_iterable(one.read() for one in inputs))
        if not count.texts:
            count.kinds.add(dict.fromkeys(ids, ()))
        from nightloom.serving.scoring import open_version
        from nightloom.worker.environment import use_here

        use_here()
        answer = open_version(model_files(home, resolved.version), threshold=threshold)
        with _writer(output, written, count) as writer:
            done = answered = 0
            for given in chain.from_iterable(one.read() for one in inputs):
                answers = answer(given.texts, batch_size=batch_size)
                done += len(given.texts)
                answered += answers.answered
                writer.write(answers, given.carried)
            if not done:  # the columns all the same
                writer.write(answer([], batch_size=batch_size), {})
            if done != count.texts:
                raise RunError(
                    f"expected {count.texts} answers, got {done}; a file changed while it was "
                    "being read: run again"
                )
    if threshold is not None:
        say(
            f"answered {answered:,} of {done:,} texts; the others are less probable than "
            f"{threshold:.4f}, from which on answers were right {precision:.0%} of the time"
        )


def _check_output(output: Path, sources: Iterable[str]) -> None:
    from nightloom.cli.whole_file import check_target

    check_target(output)
    for source in sources:
        with contextlib.suppress(OSError):
            if output.is_file() and output.samefile(Path(source).expanduser()):
                raise InputError(
                    f"--output {output} is also an --input; name another file, or its "
                    "texts would be lost"
                )


@dataclass
class _Count:
    """What a first pass over the inputs found: all of them can be read."""

    texts: int = 0
    kinds: "Kinds" = field(default_factory=lambda: _kinds())


def _kinds() -> "Kinds":
    from nightloom.serving.writing import Kinds

    return Kinds()


def _count(inputs: Iterable["Given"]) -> _Count:
    count = _Count()
    for given in inputs:
        count.texts += len(given.texts)
        count.kinds.add(given.carried)
    return count


@contextlib.contextmanager
def _writer(output: str | None, form: str, count: _Count) -> Iterator["Writer"]:
    from nightloom.cli.whole_file import whole_file
    from nightloom.serving.writing import open_writer

    with contextlib.ExitStack() as stack:
        if output is None:
            stack.enter_context(_standard_output())
            stream: Any = sys.stdout.buffer
        else:
            stream = stack.enter_context(whole_file(Path(output)))
        writer = open_writer(form, stream, carried=count.kinds.by_name())
        yield writer
        writer.close()


@contextlib.contextmanager
def _standard_output() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunError(
            f"cannot write the answers to standard output: {error.strerror}; --output FILE writes "
            "them elsewhere"
        ) from error
