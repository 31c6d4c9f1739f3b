"""`ner-bert` against Hugging Face's way on PyTorch: the same sentences, checkpoint and rate.

    python -m benchmarks.ner_bert PATH/TO/conll2003 [--trainer] [SETTING=VALUE ...]

The whole flow from an empty home, then token classification with transformers on the sentences
that the flow aligned (`benchmarks.torch_tagger`): a plain loop that does what `Trainer` does, or
`Trainer` itself with `--trainer`, which needs `accelerate`. Both train 3 epochs in batches
of 16 sentences. Useful tokens are pieces of sentences, special ones included, padding not; the time
is that of training alone, XLA's compilation included. On all of CoNLL-2003 each side takes some 20
minutes on two cores; `data.limit=1500` gives a first look.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine, matrix_peak, nightloom, run, show

RATE = 1e-4


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--checkpoint", default="minilm")
    parser.add_argument("--trainer", action="store_true", help="transformers.Trainer itself")
    parser.add_argument("--torch-epochs", type=int, help="fewer, where only its rate is wanted")
    parser.add_argument("settings", nargs="*", help="more settings of the flow")
    given = parser.parse_args()
    show("machine", machine("tensorflow", "keras", "torch", "transformers"))
    peak = matrix_peak()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        ours = measure_flow(home, given.data, given.checkpoint, given.settings)
        fewer = [f"train.epochs={given.torch_epochs}"] if given.torch_epochs else []
        theirs = measure_torch(home, [*given.settings, *fewer], trainer=given.trainer)
    show("nightloom run ner-bert", ours)
    show("transformers on PyTorch", theirs)
    useful = ours["useful_tokens_per_s"]
    show(
        "ratios",
        {
            "useful tokens/s, compile time included, over PyTorch": useful
            / theirs["useful_tokens_per_s"],
            "training time an epoch, over PyTorch": (ours["train_s"] / ours["epochs"])
            / (theirs["train_s"] / theirs["epochs"]),
            "matrix peak, GFLOP/s": peak,
        },
    )


def measure_flow(home: Path, data: Path, checkpoint: str, settings: list[str]) -> dict[str, Any]:
    """The whole flow."""
    import pandas

    measured, report = nightloom(
        home,
        "run",
        "ner-bert",
        f"data.source={data}",
        f"model.checkpoint={checkpoint}",
        f"train.learning_rate={RATE}",
        *settings,
    )
    folder, _ = artifact(home, "train")
    timings = pandas.read_parquet(folder / "timings.parquet")
    history = pandas.read_parquet(folder / "history.parquet")
    facts = artifact(home, "align_labels")[1]
    seconds = float(timings["seconds"].sum())
    metrics = report["metrics"]
    return {
        "sentences": facts["rows"]["train"],
        "epochs": len(timings),
        "useful_tokens_per_s": facts["tokens"]["train"] * len(timings) / seconds,
        "train_s": seconds,
        "valid f1": float(history["valid_f1"].max()),
        **{f"test {name}": metrics[name] for name in ("f1", "precision", "recall", "accuracy")},
        "peak memory of all processes, MiB": measured.peak,
        "whole command, s": measured.seconds,
        **{f"{one['stage']}, s": one["seconds"] for one in report["stages"]},
    }


def measure_torch(home: Path, settings: list[str], *, trainer: bool) -> dict[str, Any]:
    """PyTorch on what the flow aligned, with the settings that both have."""
    examples, facts = artifact(home, "align_labels")
    checkpoint, _ = artifact(home, "fetch_checkpoint")
    command = [sys.executable, "-m", "benchmarks.torch_tagger", str(examples), str(checkpoint)]
    command += ["--labels", json.dumps(facts["label_names"])]
    shared = {"train.learning_rate": "--learning-rate", "train.epochs": "--epochs"}
    shared |= {"train.batch_size": "--batch-size", "train.seed": "--seed"}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name in shared:
            command += [shared[name], value]
    measured = run([*command, *(["--trainer"] if trainer else [])])
    found = json.loads(measured.out.splitlines()[-1])
    return {
        "epochs": found["trained_epochs"],
        "useful_tokens_per_s": found["useful_tokens_per_s"],
        "train_s": found["train_s"],
        "valid f1": found["valid"]["f1"],
        **{f"test {name}": found["test"][name] for name in ("f1", "precision", "recall")},
        "peak memory, MiB": measured.peak,
        "whole command, s": measured.seconds,
    }


def artifact(home: Path, stage: str) -> tuple[Path, dict[str, Any]]:
    """Folder and facts of the one artifact of a stage."""
    [manifest] = (home / "artifacts" / stage).glob("*/manifest.json")
    facts: dict[str, Any] = json.loads(manifest.read_text())["body"]["artifact"]["facts"]
    return manifest.parent, facts


if __name__ == "__main__":
    main()
