"""`classify-transformer` against the teaching notebook's own procedure, on the same rows.

    python -m benchmarks.classify_transformer PATH/TO/ag_news

The folder holds `train.csv` and `test.csv` without header: label, title, description. The
notebook's procedure adapts its vocabulary row by row, pads every text to 256 words, vectorises on
the fly and trains one epoch in batches of 128; it is slow, so it is given the first
`--notebook-rows` rows, and its rate is taken without the time of its first batch.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine, matrix_peak, nightloom, show

LENGTH, VOCABULARY, WIDTH, BATCH = 256, 20_000, 32, 128


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--notebook-rows", type=int, default=8_000)
    parser.add_argument("settings", nargs="*", help="more settings of the flow")
    given = parser.parse_args()
    show("machine", machine("tensorflow", "keras", "prefect"))
    peak = matrix_peak()
    ours = measure_flow(given.data, given.settings)
    notebook = measure_notebook(given.data, given.notebook_rows)
    show("notebook procedure", notebook)
    show("nightloom run classify-transformer", ours)
    flops = train_flops(ours.pop("mean_tokens"))
    show(
        "ratios",
        {
            "training, compile time included, over notebook": ours["rows_per_s"]
            / notebook["rows_per_s"],
            "training, best epoch, over notebook": ours["best_epoch_rows_per_s"]
            / notebook["rows_per_s"],
            "matrix peak, GFLOP/s": peak,
            "useful arithmetic a row, MFLOP": flops / 1e6,
            "share of the peak, best epoch": ours["best_epoch_rows_per_s"] * flops / peak / 1e9,
        },
    )


def measure_flow(data: Path, settings: list[str]) -> dict[str, Any]:
    """The whole flow on all rows, from an empty home."""
    import json

    import pandas

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        measured, report = nightloom(
            home,
            "run",
            "classify-transformer",
            f"data.source={data}",
            "data.columns=label,title,description",
            "data.text=title,description",
            "data.label=label",
            *settings,
        )
        [table] = (home / "artifacts" / "train").glob("*/timings.parquet")
        timings = pandas.read_parquet(table)
        [manifest] = (home / "artifacts" / "encode").glob("*/manifest.json")
        facts = json.loads(manifest.read_text())["body"]["artifact"]["facts"]
    rows = facts["rows"]["train"]
    stages = {f"{one['stage']}, s": one["seconds"] for one in report["stages"]}
    return {
        "rows": rows,
        "epochs": len(timings),
        "rows_per_s": float(rows * len(timings) / timings["seconds"].sum()),
        "best_epoch_rows_per_s": float(timings["rows_per_s"].max()),
        "test accuracy": report["metrics"]["accuracy"],
        "peak memory of all processes, MiB": measured.peak,
        "whole command, s": measured.seconds,
        **stages,
        "mean_tokens": facts["tokens"]["train"] / rows,
    }


def train_flops(tokens: float) -> float:
    """Useful floating-point operations of one training step on a text of mean length.

    Matrix products alone: projections 3·2·32·64 and 2·64·32, feed-forward 2·2·32·32 a word,
    attention 2·2·64 a pair of words; backward twice the forward pass.
    """
    inner = 2 * WIDTH
    per_token = 2 * (3 * WIDTH * inner + inner * WIDTH + 2 * WIDTH * WIDTH)
    return float(3 * (tokens * per_token + tokens**2 * 4 * inner))


def measure_notebook(data: Path, count: int) -> dict[str, Any]:
    """The notebook's procedure in this process: Keras layers, `model.fit`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import pandas
    import tensorflow as tf

    frame = pandas.read_csv(data / "train.csv", names=["label", "title", "text"], nrows=count)
    texts = (frame["title"].fillna("") + " " + frame["text"].fillna("")).to_numpy()
    labels = frame["label"].to_numpy() - 1
    vectorize = keras.layers.TextVectorization(max_tokens=VOCABULARY, output_sequence_length=LENGTH)
    began = time.perf_counter()
    vectorize.adapt(tf.data.Dataset.from_tensor_slices(texts))  # one row at a time
    adapted = time.perf_counter() - began
    rows = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(BATCH)
    model = _notebook_model(keras, vectorize)
    times: list[float] = []

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            times.append(time.perf_counter())

    model.fit(rows, epochs=1, verbose=0, callbacks=[Clock()])
    steady = BATCH * (len(times) - 2) / (times[-2] - times[0])
    return {"rows": count, "adapting the vocabulary, s": adapted, "rows_per_s": steady}


def _notebook_model(keras: Any, vectorize: Any) -> Any:
    """The notebook's layers, the vectorising one first: block of 2 heads, average pooling over the
    padding, 20, 4."""
    text = keras.Input((1,), dtype="string")
    words = vectorize(text)
    places = keras.ops.arange(LENGTH)
    tokens = keras.layers.Embedding(VOCABULARY, WIDTH)(words)
    tokens = tokens + keras.layers.Embedding(LENGTH, WIDTH)(places)
    attended = keras.layers.MultiHeadAttention(num_heads=2, key_dim=WIDTH)(tokens, tokens)
    attended = keras.layers.Dropout(0.1)(attended)
    tokens = keras.layers.LayerNormalization(epsilon=1e-6)(tokens + attended)
    fed = keras.layers.Dense(WIDTH)(keras.layers.Dense(32, activation="relu")(tokens))
    fed = keras.layers.Dropout(0.1)(fed)
    tokens = keras.layers.LayerNormalization(epsilon=1e-6)(tokens + fed)
    pooled = keras.layers.Dropout(0.1)(keras.layers.GlobalAveragePooling1D()(tokens))
    hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(20, activation="relu")(pooled))
    model = keras.Model(text, keras.layers.Dense(4, activation="softmax")(hidden))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    main()
