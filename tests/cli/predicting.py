"""A home with small registered models, and a process in which many predictions are made.

Run as a program: `predicting.py HOME` makes the home, then reads a JSON list of commands from
standard input and prints a JSON list of what became of them.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

NAMES = ["calm", "label", "urgent"]
"""One of the classes is called as a column of the answers is."""


def _classifier(folder: Path) -> None:
    import tensorflow as tf

    class Classifier(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def classify(self, text: Any) -> dict[str, Any]:
            length = tf.cast(tf.strings.length(text, unit="UTF8_CHAR"), tf.float32)
            capitals = tf.strings.length(tf.strings.regex_replace(text, "[^A-Z]", ""))
            logits = tf.stack([length / 50, 0 * length, tf.cast(capitals, tf.float32)], axis=1)
            chances = tf.nn.softmax(logits)
            label = tf.gather(tf.constant(NAMES), tf.argmax(chances, axis=1))
            return {"label": label, "probabilities": chances}

        @tf.function(input_signature=[])
        def classes(self) -> dict[str, Any]:
            return {"names": tf.constant(NAMES)}

    module = Classifier()
    signatures = {"serving_default": module.classify, "classes": module.classes}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _tagger(folder: Path) -> None:
    import tensorflow as tf

    class Tagger(tf.Module):
        """The whole text is a piece and a person; an empty one has no piece."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def tag(self, text: Any) -> dict[str, Any]:
            length = tf.strings.length(text, unit="UTF8_CHAR")[:, None]
            return {
                "id": tf.zeros_like(length),
                "label": tf.fill(tf.shape(length), "B-PER"),
                "score": tf.fill(tf.shape(length), 0.75),
                "start": tf.zeros_like(length),
                "end": length,
                "pieces": tf.cast(length[:, 0] > 0, tf.int32),
            }

        @tf.function(input_signature=[])
        def tags(self) -> dict[str, Any]:
            return {"names": tf.constant(["O", "B-PER"])}

    module = Tagger()
    signatures = {"serving_default": module.tag, "tags": module.tags}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    folder.mkdir()
    Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"unk_token": "[UNK]"}')


def make_home(home: Path) -> None:
    """Models `tickets` (subject and body), `old` (no tag), `foreign` (no run), `odd`, `names`."""
    from nightloom.registry.mlflow_registry import Registry
    from nightloom.registry.mlmodel import Field, ModelCard
    from nightloom.registry.reading import READING_TAG, reading_tag
    from nightloom.settings.flows import ClassifyTransformer, NerBert

    registry = Registry(f"sqlite:///{home / 'mlflow.db'}", home / "mlartifacts")
    card = ModelCard(("text",), (Field("label", "string"),), ("a",))
    data = {"source": "tickets.csv", "text": "subject,body", "label": "queue"}
    texts = ClassifyTransformer.model_validate({"data": data}).model_dump(mode="json")
    words = NerBert().model_dump(mode="json")
    tagged = {"tickets": texts["data"], "names": words["data"], "old": {}, "foreign": {}, "odd": {}}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _classifier(folder / "classifier")
        _tagger(folder / "tagger")
        _tokenizer(folder / "tokenizer")
        for name, settings in tagged.items():
            registry.register(
                name,
                model_digest=name,
                saved_model_dir=folder / ("tagger" if name == "names" else "classifier"),
                card=card,
                extra_dirs={"tokenizer": folder / "tokenizer"},
                params=texts if name == "old" else {},
                tags=reading_tag(settings) if name != "odd" else {READING_TAG: '{"encoding": 3}'},
            )
            registry.set_alias(name, "champion", 1)


def answer(arguments: list[str], stdin: bytes = b"") -> dict[str, Any]:
    """Status, standard output and error of one command, and the files that it made or changed."""
    from nightloom.cli.main import main

    def files() -> dict[str, int]:
        there = [path for path in Path.cwd().rglob("*") if not path.is_fifo()]
        return {str(path): path.lstat().st_mtime_ns for path in there}

    before, out, err, code = files(), io.BytesIO(), io.StringIO(), 0
    given = sys.stdin, sys.argv
    sys.stdin, sys.argv = io.TextIOWrapper(io.BytesIO(stdin)), ["nightloom", *arguments]
    written = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    try:
        with contextlib.redirect_stdout(written), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdin, sys.argv = given
    wrote = [name for name, time in files().items() if before.get(name) != time]
    return {"code": code, "out": out.getvalue().decode(), "err": err.getvalue(), "wrote": wrote}


if __name__ == "__main__":
    os.environ["NIGHTLOOM_HOME"] = sys.argv[1]
    make_home(Path(sys.argv[1]))
    commands = json.load(sys.stdin)
    print(json.dumps([answer(one["arguments"], one["stdin"].encode()) for one in commands]))
