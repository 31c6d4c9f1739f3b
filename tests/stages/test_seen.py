"""Which rows a registered version was trained on: from its file, its data set, or its test rows."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nightloom.cache.artifact import ArtifactFiles
from nightloom.cache.store import ArtifactStore
from nightloom.context import BuildContext
from nightloom.data.build import build_dataset
from nightloom.data.splits.content import content_numbers
from nightloom.home import Home
from nightloom.registry.versions import TEST_TAG, Version
from nightloom.settings.data import TextDataSettings
from nightloom.stages.judge_text import numbers
from nightloom.stages.rivals import digest_of_test_rows
from nightloom.stages.seen import known_rows, rows_of, training_rows, write_rows


@pytest.fixture
def night(tmp_path: Path) -> tuple[BuildContext, Version]:
    """A build in a home with one data set, and a version that was trained on it, with its file."""
    source, home = tmp_path / "source", Home(tmp_path / "home")
    source.mkdir()
    home.create()
    for split, texts in {"train": range(100), "test": range(200, 240)}.items():
        with (source / f"{split}.csv").open("w", newline="") as file:
            lines = [(f"Text  {n}", "ab"[n % 2]) for n in texts]
            csv.writer(file).writerows([("text", "label"), *lines])
    store = ArtifactStore(home)
    with store.building("download_dataset", "k1") as folder:
        facts = build_dataset(TextDataSettings(source=str(source)), folder)
        made = store.publish(
            folder, stage="download_dataset", key="k1", parts={}, facts=facts,
            volatile=frozenset(), seconds=0,
        )  # fmt: skip
    dataset = ArtifactFiles(made, store.path("download_dataset", "k1"))
    context = BuildContext(
        stage="register", key="k2", variant="", settings={}, inputs={"dataset": dataset},
        out=tmp_path, checkpoints=tmp_path, home=home,
    )  # fmt: skip
    files = home.model_files / "files"
    files.mkdir(parents=True)
    write_rows(dataset.path, numbers, files)
    tags = {
        "nightloom.key.download_dataset": "k1",
        "nightloom.digest.download_dataset": made.digest,
    }
    return context, Version(name="news", version=1, created=0, source=files.as_uri(), tags=tags)


def test_what_a_version_was_trained_on_is_known_whatever_a_new_export_changed(night):
    context, version = night
    shutil.rmtree(context.home.artifacts)
    known = rows_of(context, version, numbers)
    assert known.tolist() == sorted(known.tolist()) and len(known) == 100
    asked = content_numbers(["TEXT 7", " text 99\n", "text 200"])
    assert np.isin(asked, known).tolist() == [True, True, False]
    file = Path(version.source.removeprefix("file://")) / "training" / "rows.npy"
    assert file.stat().st_size == 128 + 8 * 100


@pytest.mark.parametrize("harm", ["none", "gone", "cut", "other"])
def test_without_a_whole_file_the_data_set_says_it(night, harm):
    context, version = night
    file = Path(version.source.removeprefix("file://")) / "training" / "rows.npy"
    if harm == "gone":
        shutil.rmtree(file.parent)
    elif harm == "cut":
        file.write_bytes(file.read_bytes()[:300])
    elif harm == "other":
        np.save(file, np.zeros(3))
    wanted = training_rows(context.inputs["dataset"].path, numbers)
    assert rows_of(context, version, numbers).tolist() == wanted.tolist()


def test_where_that_is_gone_too_its_test_rows_tell_or_nobody_knows(night):
    context, version = night
    shutil.rmtree(Path(version.source.removeprefix("file://")) / "training")
    foreign = {**version.tags, "nightloom.digest.download_dataset": "another"}
    same = {**foreign, TEST_TAG: digest_of_test_rows(context)}

    def of(tags):
        return rows_of(
            context,
            Version(name="n", version=1, created=0, source=version.source, tags=tags),
            numbers,
        )

    assert of(foreign) is None
    assert of({}) is None
    assert of(same).tolist() == []


def test_all_rows_of_a_version_are_known_with_those_it_was_tested_on(night):
    context, version = night
    folder = Path(version.source.removeprefix("file://")) / "training"
    everything = sorted(content_numbers([f"text {n}" for n in (*range(100), *range(200, 240))]))
    assert known_rows(context, version, numbers).tolist() == everything
    (folder / "tested.npy").unlink()
    assert known_rows(context, version, numbers).tolist() == everything, "of its data set"
    elsewhere = {**version.tags, "nightloom.digest.download_dataset": "another"}
    assert known_rows(context, replace(version, tags=elsewhere), numbers) is None
    same = {**elsewhere, TEST_TAG: digest_of_test_rows(context)}
    known = known_rows(context, replace(version, tags=same), numbers)
    assert known.tolist() == everything, "its test rows are tonight's"
