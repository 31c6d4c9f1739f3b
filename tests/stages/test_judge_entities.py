"""Taggers are judged as classifiers are, on sentences that nobody was trained on."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.context import BuildContext
from nightloom.data.build import build_dataset
from nightloom.evaluation.tables import PREDICTIONS, write_parquet
from nightloom.gate.past import Past
from nightloom.home import Home
from nightloom.registry.versions import Version
from nightloom.settings.data import EntityDataSettings
from nightloom.settings.register import RegisterSettings
from nightloom.stages.judge import judge
from nightloom.stages.judge_entities import numbers
from nightloom.stages.rivals import Rival
from nightloom.stages.seen import write_rows

HOOKS = {
    f"judge.{name}": f"nightloom.stages.judge_entities:{name}"
    for name in ("answers", "answers_of", "nothing", "numbers")
}
SENTENCES = 300


class Night:
    """A data set, and models that find some of its entities."""

    def __init__(self, folder: Path) -> None:
        self.folder, source = folder, folder / "source"
        source.mkdir()
        for split, start in {"train": 0, "valid": 2000, "test": 1000}.items():
            sentences = [
                f"Anna{n} B-PER\nwent O\nhome{n} B-LOC" for n in range(start, start + SENTENCES)
            ]
            (source / f"{split}.txt").write_text("\n\n".join(sentences) + "\n")
        self.dataset = folder / "dataset"
        self.facts = build_dataset(EntityDataSettings(source=str(source)), self.dataset)

    def evaluation(self, name: str, right: int) -> Path:
        """Of a model that finds all people, in the first `right` sentences."""
        gold = ["B-PER", "O", "B-LOC"] * SENTENCES
        found = np.array([["B-PER", "O", "O"]] * right + [["O"] * 3] * (SENTENCES - right)).ravel()
        row = np.repeat(np.arange(SENTENCES), 3)
        (self.folder / name).mkdir(exist_ok=True)
        table = pandas.DataFrame({"row": row, "label": gold, "predicted": found})
        write_parquet(table, self.folder / name / PREDICTIONS)
        return self.folder / name

    def judged(self, right: int, champion: Rival | None = None, **asked: Any) -> Any:
        def given(stage: str, path: Path, facts: dict[str, Any]) -> ArtifactFiles:
            return ArtifactFiles(Artifact(stage, "k", "d", facts), path)

        context = BuildContext(
            stage="register", key="k", variant="", settings={}, out=self.folder, hooks=HOOKS,
            checkpoints=self.folder, home=Home(self.folder / "home"),
            inputs={
                "dataset": given("download_dataset", self.dataset, self.facts),
                "scores": given("evaluate", self.evaluation(f"new-{right}", right), {}),
            },
        )  # fmt: skip
        return judge(context, RegisterSettings(metric="f1", **asked), champion, None)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_a_first_tagger_that_finds_nothing_is_a_challenger(night):
    nothing = night.judged(0)
    assert nothing.reason == (
        "refused: no better than finding no entity at all (f1 0.0000 on the same 300 test "
        "sentences): f1 0.0000"
    )
    assert not nothing.promoted
    assert night.judged(200).reason.startswith("promoted: first model: f1 0.5")


def test_sentences_that_the_champion_was_trained_on_are_left_out_and_its_fall_comes_first(night):
    files = night.folder / "files"
    files.mkdir()
    write_rows(night.dataset, numbers, files)
    seen = np.union1d(
        np.load(files / "training" / "rows.npy"), numbers(night.dataset / "test")[:40]
    )
    np.save(files / "training" / "rows.npy", seen)
    champion = Rival(
        "version 4", night.evaluation("old", 200), lambda: files,
        Version(name="people", version=4, created=0, source=files.as_uri()),
        Past(metric="f1", value=0.9, error=0.02, examples=300),
    )  # fmt: skip
    verdict = night.judged(220, champion)
    assert verdict.promoted and verdict.examples == 260
    assert verdict.reason.startswith("the champion fell: version 4 has f1 0.4706 on tonight")
    assert "of version 4 on the same 260 test sentences" in verdict.reason
    assert verdict.reason.endswith(
        "40 of 300 test sentences were left out, known from the training of version 4; "
        "proved better than version 4: the new anchor"
    )


def test_worse_slices_and_negative_flips_refuse_where_they_are_asked_to(night):
    files = night.folder / "files"
    files.mkdir()
    write_rows(night.dataset, numbers, files)
    champion = Rival(
        "version 4", night.evaluation("old", 300), lambda: files,
        Version(name="people", version=4, created=0, source=files.as_uri()), None,
    )  # fmt: skip
    warned = night.judged(280, champion, slack=0.5, confidence=0.999999)
    assert not any(one.worse for one in warned.slices.judged), "so sure it is not"
    assert len(warned.flips.lost) == 0, "no sentence was all right before"
    refused = night.judged(280, champion, slack=0.5, worse_slices="refuse", slice_rows=300)
    worse = [one for one in refused.slices.judged if one.worse]
    assert [(one.by, one.name) for one in worse] == [
        ("classes", "PER"), ("lengths", "any number of words"),
    ]  # fmt: skip
    assert not refused.promoted
    assert "also significantly worse than version 4 on 2 of" in refused.reason
