"""A home with a small classifier and a small tagger, registered."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nightloom.cli.predict import predict
from nightloom.home import Home
from nightloom.models.transformer import TransformerClassifier
from nightloom.registry.files.fetching import model_files
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.mlmodel import ENTITIES, Field, ModelCard
from nightloom.serving.answers.classes import LABEL, PROBABILITY, class_columns
from nightloom.serving.classifier import export_classifier
from nightloom.settings.model import TransformerSettings
from nightloom.text.graph_tokenizer import GraphTokenizer
from tests.encoders.tiny import save_tokenizer
from tests.serving.tagger import export_tiny_tagger

CLASSES = ("no", "label", "probability", "Ünï 👍\tx", "0")


@dataclass(frozen=True)
class Registered:
    """A home with a classifier `classes` (columns title and body) and a tagger `tags`."""

    home: Path
    files: dict[str, Path]
    environment: dict[str, str]
    """Where `import nightloom` fails."""

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def predicted(self, name: str, texts: list[str]) -> list[dict[str, Any]]:
        source = self.home / "texts.jsonl"
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        done = CliRunner().invoke(
            predict,
            [name, "--input", str(source)],
            env={"NIGHTLOOM_HOME": str(self.home), "MLFLOW_TRACKING_URI": None},
        )
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Registered:
    folder = tmp_path_factory.mktemp("pyfunc")
    exported = export_tiny_tagger(folder / "tagger", "bert")
    home = Home(folder / "home")
    home.create()
    save_tokenizer(folder / "tokenizer", "bert")
    settings = TransformerSettings(length=16, width=12, heads=2, depth=1, hidden=8)
    model = TransformerClassifier(settings, vocabulary=320, classes=len(CLASSES))
    draw = np.random.default_rng(5)
    for variable in model.variables:
        if len(variable.shape) > 1:
            variable.assign(draw.normal(size=variable.shape))
    export_classifier(
        tokenizer=GraphTokenizer.from_directory(folder / "tokenizer", 16),
        model=model,
        label_names=CLASSES,
        folder=folder / "classes",
    )
    registry = Registry(f"sqlite:///{home.root / 'mlflow.db'}", home.model_files)
    numbers = (PROBABILITY, *class_columns(CLASSES))
    answers = (Field(LABEL, "string"), *(Field(name, "float64") for name in numbers))
    made = {
        "classes": registry.register(
            "classes",
            model_digest="c",
            saved_model_dir=folder / "classes",
            card=ModelCard(columns=("title", "body"), outputs=answers, example=("a cat",)),
        ),
        "tags": registry.register(
            "tags",
            model_digest="t",
            saved_model_dir=exported.saved_model,
            card=ModelCard(
                columns=("text",),
                outputs=(Field(ENTITIES, ENTITIES),),
                example=("a cat",),
                needs=("tokenizers",),
            ),
            extra_dirs={"tokenizer": exported.huggingface},
        ),
    }
    blocker = folder / "blocked" / "nightloom"
    blocker.mkdir(parents=True)
    (blocker / "__init__.py").write_text("raise ImportError('nightloom is not installed')\n")
    return Registered(
        home=home.root,
        files={name: model_files(home, one) for name, one in made.items()},
        environment={
            **os.environ,
            "PYTHONPATH": str(blocker.parent),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )
