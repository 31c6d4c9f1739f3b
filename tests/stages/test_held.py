"""Which versions are of one recipe."""

from pathlib import Path
from typing import Any

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.context import BuildContext
from nightloom.home import Home
from nightloom.settings.flows import ClassifyTransformer
from nightloom.stages.held import recipe_tag


def recipe(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    dataset = Artifact(
        stage="download_dataset", key="k", digest="d", facts={}, seconds=0.0, built_at=0.0
    )
    context = BuildContext(
        stage="register",
        key="k",
        variant="",
        settings={},
        inputs={"dataset": ArtifactFiles(dataset, folder)},
        out=folder,
        checkpoints=folder,
        home=Home(folder),
        run={"settings": settings},
    )
    return recipe_tag(context)


def test_a_recipe_is_of_the_model_and_not_of_what_is_told_or_run_around_it(tmp_path):
    settings = ClassifyTransformer().model_dump(mode="json")
    mine = recipe(tmp_path, settings)
    around = {"steps": {"before": ["a:b"]}, "report": {"texts": "none"}, "register": {}}
    assert recipe(tmp_path, {**settings, **around}) == mine
    # versions of releases that had no such groups
    earlier = {name: one for name, one in settings.items() if name not in ("steps", "report")}
    assert recipe(tmp_path, earlier) == mine
    other = {**settings, "train": {**settings["train"], "seed": 2}}
    assert recipe(tmp_path, other) != mine
