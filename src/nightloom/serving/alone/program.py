"""The program of that process: `python -P program.py FOLDER`; needs TensorFlow alone.

In the folder, `request.json` names SavedModels and texts. The first models are asked all of these,
answers go to `NUMBER.npz`; `NUMBER.json` has what was measured of each, or the error. It ends
with whoever holds its standard input.

Keras, which TensorFlow imports where it can, is kept out: it takes as long to import as TensorFlow
itself, and a SavedModel that needs it could not be served in another language.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64
ROUNDS = 3
"""Batches that are measured, the longest texts first."""


def main(folder: Path) -> None:
    """Load each model, ask it, measure it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    request = json.loads((folder / "request.json").read_text("utf-8"))
    texts = [text.encode("utf-8", "replace") for text in request["texts"]]
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    _start()
    answering: dict[int, Callable[[list[int]], dict[str, Any]]] = {}
    told: dict[int, dict[str, Any]] = {}
    for number, model in enumerate(request["models"]):
        is_asked = number < request["asked"]
        try:
            began = time.monotonic()
            loaded = _load(model)
            told[number] = {"load_seconds": time.monotonic() - began}
            answer = _answering(loaded, texts)
            answers = [answer(batch) for batch in (batches if is_asked else batches[:1])]
            if is_asked:
                _write(folder / f"{number}.npz", loaded, order, answers)
            answering[number] = answer
        except Exception as error:  # protobuf, TensorFlow and the file system have no common base
            told[number] = {"error": " ".join(str(error).split())[:300]}
    seconds = _measured(answering, [batches[-1 - n % len(batches)] for n in range(ROUNDS)])
    for number, found in told.items():
        if number in seconds:
            found["text_seconds"] = seconds[number]
        (folder / f"{number}.json").write_text(json.dumps(found), encoding="utf-8")


def _start() -> None:
    """What the first model would pay for all."""
    import tensorflow as tf

    tf.constant(0)


def _measured(
    answering: dict[int, Callable[[list[int]], dict[str, Any]]], batches: list[list[int]]
) -> dict[int, float]:
    """Median seconds a text; models in turn, so that disturbances meet all of them."""
    seconds: dict[int, list[float]] = {number: [] for number in answering}
    for batch in batches:
        for number, answer in answering.items():
            began = time.monotonic()
            answer(batch)
            seconds[number].append((time.monotonic() - began) / len(batch))
    return {number: sorted(found)[len(found) // 2] for number, found in seconds.items()}


def _load(folder: str) -> Any:
    import tensorflow as tf

    try:
        return tf.saved_model.load(folder)
    except Exception as error:
        if "Op type not registered" not in str(error):
            raise
    with contextlib.suppress(ImportError):
        import tensorflow_text  # noqa: F401  registers the operations of TF Hub's tokenizers
    return tf.saved_model.load(folder)


def _answering(loaded: Any, texts: list[bytes]) -> Callable[[list[int]], dict[str, Any]]:
    import tensorflow as tf

    serve = loaded.signatures["serving_default"]

    def answer(batch: list[int]) -> dict[str, Any]:
        found = serve(text=tf.constant([texts[n] for n in batch], tf.string))
        return {name: value.numpy() for name, value in found.items()}

    return answer


def _write(path: Path, loaded: Any, order: list[int], answers: list[dict[str, Any]]) -> None:
    """The answers, in the order of the texts; those for pieces one after the other."""
    kind = "tags" if "tags" in loaded.signatures else "classes"
    names = loaded.signatures[kind]()["names"].numpy()
    rows: dict[str, list[Any]] = {name: [] for name in answers[0]}
    for batch in answers:
        for name, values in batch.items():
            if "pieces" in batch and name != "pieces":
                values = [row[:size] for row, size in zip(values, batch["pieces"], strict=True)]
            rows[name].extend(values)
    place = np.argsort(order, kind="stable")
    arranged = {name: [values[n] for n in place] for name, values in rows.items()}
    join = np.concatenate if "pieces" in rows else np.stack
    arrays: dict[str, Any] = {
        name: np.array(values) if np.ndim(values[0]) == 0 else join(values)
        for name, values in arranged.items()
    }
    arrays = {name: one.astype("S") if one.dtype == object else one for name, one in arrays.items()}
    np.savez(path, names=np.array(list(names), "S"), **arrays)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.modules["keras"] = None  # type: ignore[assignment]
    main(Path(sys.argv[1]))
