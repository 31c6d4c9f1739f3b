"""How long each way of docs/serving.md takes to ask a champion, for one text and for a thousand.

    NIGHTLOOM_HOME=… MLFLOW_TRACKING_URI=sqlite:///…/mlflow.db python -m benchmarks.ways news

Loading is not counted. The least of three rounds for a thousand texts, of twenty for one.
"""

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WORDS = "shares fell after the minister said the final of the cup goes to extra time".split()
TEXTS = [" ".join(WORDS[(n * k) % len(WORDS)] for k in range(1, 16)) for n in range(1000)]
BATCH = 64
STARTS_WITHIN = 300
"""Seconds for the server to load TensorFlow and the model."""
Ask = Callable[[Sequence[str]], Any]


def least(ask: Ask, texts: Sequence[str], rounds: int) -> float:
    """Seconds of the fastest round, after one that is not counted."""
    ask(texts)
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask(texts)
        taken.append(time.perf_counter() - began)
    return min(taken)


def batches(ask: Ask) -> Ask:
    """The same in batches."""
    return lambda texts: [ask(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]


def loaded(name: str) -> Iterator[tuple[str, Ask]]:
    """Each way in this process."""
    import mlflow
    import pandas
    import tensorflow as tf

    import nightloom

    yield "nightloom.load_model", nightloom.load_model(name).predict
    served = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    yield "pyfunc", lambda texts: served.predict(pandas.DataFrame({"text": list(texts)}))
    files = mlflow.artifacts.download_artifacts(f"models:/{name}@champion")
    saved = tf.saved_model.load(f"{files}/saved_model")
    signature = saved.signatures["serving_default"]
    yield "TensorFlow", batches(lambda texts: signature(text=tf.constant(list(texts))))
    if Path(files, "huggingface").is_dir():
        from transformers import pipeline

        asked = pipeline("text-classification", model=f"{files}/huggingface", top_k=None)
        yield "pipeline", lambda texts: asked(list(texts), batch_size=BATCH)


@contextmanager
def over_http(name: str) -> Iterator[Ask]:
    """`mlflow models serve`; the time of its start is told.

    Raises:
        RuntimeError: It ended, or did not answer in time; with what it said.
    """
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", f"models:/{name}@champion", "--host", "127.0.0.1"]
    scripts = Path(sys.executable).parent  # where MLflow's `uvicorn` is, without an activated one
    path = os.pathsep.join([str(scripts), os.environ.get("PATH", os.defpath)])
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port)], start_new_session=True, stdout=log, stderr=log,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300)
        try:
            began = time.monotonic()
            while not _answers(client):
                ended = server.poll() is not None
                if ended or time.monotonic() - began > STARTS_WITHIN:
                    log.seek(0)
                    what = "ended" if ended else f"did not answer within {STARTS_WITHIN} s"
                    raise RuntimeError(f"mlflow models serve {what}:\n{log.read()}")
                time.sleep(0.5)
            print(f"mlflow models serve answers after {time.monotonic() - began:.0f} s", flush=True)
            yield lambda texts: client.post(
                "/invocations", json={"inputs": {"text": list(texts)}}
            ).raise_for_status()
        finally:
            client.close()
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _answers(client: Any) -> bool:
    import httpx

    try:
        return bool(client.get("/ping").is_success)
    except httpx.HTTPError:
        return False


def told(way: str, ask: Ask) -> None:
    """One line of the table."""
    one, many = least(ask, TEXTS[:1], 20), least(ask, TEXTS, 3)
    print(f"{way:<22} {1000 * one:8.1f} ms {many:8.2f} s", flush=True)


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    name = parser.parse_args().name
    logging.disable(logging.WARNING)
    for way, ask in loaded(name):
        told(way, ask)
    with over_http(name) as ask:
        told("mlflow models serve", ask)


if __name__ == "__main__":
    main()
