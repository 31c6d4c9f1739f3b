"""What every builder of every family executes, on tiny data: `python -m tests.keys.traced FOLDER`.

Prints a line of JSON for each stage: what ran of the project, and what the key covers.
"""

import inspect
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest import mock

FEW = (
    "data.source=sample",
    "data.limit=32",
    "train.epochs=1",
    "train.batch_size=16",
    "train.jit_compile=false",
)
SMALL = ("model.depth=1", "model.width=8", "model.heads=2", "model.head_size=4")
RUNS = {
    "classify-transformer": (("train.learning_rate=0.003", *SMALL),),
    "classify-bert": (
        ("model.checkpoint={bert}", "model.attentions=the cat sat", "model.length=16"),
        ("model.checkpoint={bert}", "model.trainable=head", "model.length=16"),
    ),
    "classify-hub": (
        ("model.encoder={pair}/encoder", "model.preprocess={pair}/preprocess", "model.length=16"),
        (
            "model.encoder={pair}/encoder",
            "model.preprocess={pair}/preprocess",
            "model.trainable=head",
            "model.length=16",
        ),
    ),
    "ner-bert": (("model.checkpoint={bert}", "model.length=16", "model.overlap=4"),),
}
"""Settings of each flow's runs; the later ones meet a champion."""

Ran = dict[CodeType, str]


@contextmanager
def traced(ran: Ran) -> Iterator[None]:
    """Note every function of the project that runs, in all threads, with its module."""

    def note(frame: FrameType, event: str, argument: Any) -> None:
        """Of each call; what is returned is asked of no line (`sys.setprofile` costs far more)."""
        if frame.f_code not in ran:
            ran[frame.f_code] = frame.f_globals.get("__name__", "")

    threading.settrace(note)
    sys.settrace(note)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]


def definitions_of(ran: Ran) -> set[str]:
    """The project's statements that what ran stands in, as `module:name`."""
    from nightloom.cache.project import file_of
    from nightloom.cache.source import read

    found = set()
    for code, module in ran.items():
        path = file_of(module) if module.startswith("nightloom.") else None
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # no body of a module or class
        if path is None or not is_function or Path(code.co_filename).name != path.name:
            continue
        for statement in read(path, module).statements:
            node = statement.node
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            if first <= code.co_firstlineno <= (node.end_lineno or first):
                names = sorted(statement.binds) or [f"line {node.lineno}"]
                found.add(f"{module}:{names[0]}")
    return found


def main(folder: Path, tell: Callable[[dict[str, Any]], None]) -> None:
    """Run all flows, and tell of each stage."""
    os.environ["NIGHTLOOM_HOME"] = str(folder / "home")
    from nightloom.cache.fingerprint import Fingerprint, fingerprint
    from nightloom.records.known import find_flow
    from nightloom.settings.parse import parse_settings
    from nightloom.stages import declaration
    from nightloom.tasks.runtime import run
    from nightloom.tfhub.export import export_hub
    from tests.encoders.tiny import save_checkpoint
    from tests.every_setting.runner import WorkerHere, in_this_process

    places = {"bert": str(folder / "bert"), "pair": str(folder / "pair")}
    save_checkpoint(folder / "bert", "bert")
    export_hub(folder / "bert", folder / "pair", seq_length=16)
    keys: dict[str, Fingerprint] = {}

    def keep(roots: list[str], **given: Any) -> Fingerprint:
        keys[roots[0]] = fingerprint(roots, **given)
        return keys[roots[0]]

    class Traced(WorkerHere):
        def build(self, builder: str, context: Any, *, report: Any, limits: Any) -> Any:
            ran: Ran = {}
            began = time.monotonic()
            with traced(ran):
                built = super().build(builder, context, report=report, limits=limits)
            tell(
                {
                    "stage": context.stage,
                    "variant": context.variant,
                    "seconds": round(time.monotonic() - began, 1),
                    "ran": sorted(definitions_of(ran)),
                    "covered": sorted(keys[builder].definitions),
                }
            )
            return built

    with (
        in_this_process(),
        mock.patch.object(declaration, "fingerprint", keep),
        mock.patch.object(run, "Worker", Traced),
    ):
        for flow, several in RUNS.items():
            for given in several:
                settings = [*FEW, *(one.format(**places) for one in given)]
                one = find_flow(flow)
                one.load().fn(parse_settings(one.load_settings(), settings))


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(Path(sys.argv[1]), lambda entry: print(json.dumps(entry), file=out, flush=True))
