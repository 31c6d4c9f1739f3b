"""Every builder of every family is run under a trace: what ran is held against the stage's key."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from nightloom.stages.declaration import SAID
from tests.naming import ROOT

BESIDE = {
    **dict.fromkeys(SAID, "only says something, or says where things lie"),
    "nightloom.cache.": "looks code up, for the identity of a version",
    "nightloom.declared": "marks functions",
    "nightloom.on_import": "calls what waits for an import",
    "nightloom.plugins": "finds code by a name; what is found is in the key",
    "nightloom.sources": "finds the kind of source; what is found is in the key",
    "nightloom.stages.export": "says which code writes a version",
    "nightloom.tasks.": "is the flow's side, in this test in the same process",
    "nightloom.worker.": "is around the builder",
}
"""Runs while a stage is built, and is in no key. A name with a dot at its end is a room."""

TYPES = dict.fromkeys(
    ("nightloom.cache.artifact", "nightloom.context", "nightloom.facts", "nightloom.settings.base"),
    "types of what a builder is given",
)
"""Covered by all keys."""

NEVER = {
    "train": {
        "nightloom.accelerators": "asks for GPUs",
        "nightloom.data.labels.ignored": "a constant",
        "nightloom.encoders.pooling": "runs as AutoGraph's copy",
        "nightloom.settings.model": "declares settings",
        "nightloom.tfhub.operations": "looks for dropout without a seed; an exported pair has none",
        "nightloom.training.losses": "runs as AutoGraph's copy",
    },
    "evaluate": {
        "nightloom.data.": "constants",
        "nightloom.encoders.": "what builds an encoder counts with its class",
        "nightloom.evaluation.scores": "types",
        "nightloom.settings.": "declares settings",
        "nightloom.training.feed": "types",
    },
    "extract_features": {
        "nightloom.data.": "types and constants",
        "nightloom.encoders.": "what trains an encoder counts with its class",
        "nightloom.models.": "types",
        "nightloom.settings.": "types of what a builder is given",
        "nightloom.training.feed": "types",
    },
    "download_dataset": {
        "nightloom.cache.artifact": "types of what a builder is given",
        "nightloom.data": "types",
        "nightloom.data.formats.": "reads files; the sample has none",
        "nightloom.data.labels.": "spellings that the sample has not",
        "nightloom.data.sources.": "reads files; the sample has none",
        "nightloom.data.splits.": "cuts by group and by time, which are not asked for",
    },
    "check_data": {
        "nightloom.cache.": "types of what a builder is given",
        "nightloom.counted": "says how many there are of what this data does not have",
        "nightloom.data": "types and constants",
        "nightloom.data.checks.": "compares with other data than its own, which this run has not",
        "nightloom.settings.": "types of what a builder is given",
    },
    "fetch_checkpoint": {
        "nightloom.cache.artifact": "types of what a builder is given",
        "nightloom.downloads.": "a folder is not downloaded",
        "nightloom.encoders.": "other architectures, and what is not read of a folder",
        "nightloom.settings.": "types of what a builder is given",
        "nightloom.text.": "other kinds of tokenizers",
        "nightloom.scoped": "a folder is not made of a checkpoint",
        "nightloom.tfhub.": "a folder is neither downloaded nor made of a checkpoint",
    },
    "adapt_tokenizer": {
        "nightloom.encoders.": "names of files",
        "nightloom.settings.": "types of what a builder is given",
        "nightloom.text.": "other kinds of tokenizers",
    },
    "encode": {
        "nightloom.data": "types",
        "nightloom.settings.": "types of what a builder is given",
        "nightloom.text.": "a tokenizer's class has its twin in the exported graph",
    },
    "align_labels": {
        "nightloom.counted": "says how many words a tokenizer drops; this one drops none",
        "nightloom.data.": "types and constants",
        "nightloom.plugins": "types of what a builder is given",
        "nightloom.settings.": "types of what a builder is given",
        "nightloom.text.spec": "types",
    },
    "draw_attentions": {
        "nightloom.encoders.": "what trains an encoder counts with its class",
        "nightloom.settings.": "types of what a builder is given",
        "nightloom.text.": "a tokenizer's class has its twin in the exported graph",
    },
    "register": {
        "nightloom.cache.key": "what tells a version from the champion, which keeps no keys here",
        "nightloom.cache.store": "where the data sets of versions lie that keep no rows",
        "nightloom.counted": "says how many rows are left out; here none are",
        "nightloom.data.checks.profile": "the name of a file",
        "nightloom.data.formats.content": "reads examples that must hold, which are not asked for",
        "nightloom.data.inputs.examples": "reads examples that must hold, which are not asked for",
        "nightloom.encoders.": "other architectures, poolings and heads",
        "nightloom.gate.": "types of what the gate finds",
        "nightloom.records.": "what settings know of formats",
        "nightloom.registry.": "files that are far away or damaged",
        "nightloom.serving.": "the code that travels with a version; a champion from another home",
        "nightloom.settings.": "declares settings",
        "nightloom.stages.examples": "reads examples that must hold, which are not asked for",
        "nightloom.stages.newer": "nobody has put a version back",
        "nightloom.stages.other_texts": "no version shows other texts than it should",
        "nightloom.stages.slicing": "the rows are too few to be compared with the champion",
        "nightloom.stages.tested": "the rows are too few to be compared with the champion",
        "nightloom.text.": "other kinds of tokenizers",
    },
}
"""Covered by a stage's key and never run here, with the reason."""


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What ran and what is covered, a build each."""
    folder = tmp_path_factory.mktemp("traced")
    done = subprocess.run(
        [sys.executable, "-m", "tests.keys.traced", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PREFECT_HOME": str(folder / "prefect")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_stage_was_built_for_every_learner(stages: list[dict[str, Any]]):
    found = {(one["stage"], one["variant"]) for one in stages}
    learners = {"transformer", "bert", "bert_head", "hub", "hub_head", "tagger"}
    assert {
        (stage, one) for stage in ("train", "evaluate", "register") for one in learners
    } <= found
    assert {stage for stage, _ in found} == NEVER.keys()


def test_what_ran_is_covered(stages: list[dict[str, Any]]):
    missing = {
        f"{one['stage']} of {one['variant']} runs {name}"
        for one in stages
        for name in set(one["ran"]) - set(one["covered"])
        if not _is_named(BESIDE, name.partition(":")[0])
    }
    assert missing == set(), "these are in no key: edited, they would give stale hits"


@pytest.mark.parametrize("stage", NEVER)
def test_what_is_covered_ran_or_is_named(stages: list[dict[str, Any]], stage: str):
    ran, covered = (
        {name.partition(":")[0] for one in stages if one["stage"] == stage for name in one[what]}
        for what in ("ran", "covered")
    )
    never = covered - ran
    unnamed = {module for module in never if not _is_named({**TYPES, **NEVER[stage]}, module)}
    assert unnamed == set(), "keys cover them; nothing runs them"


def _is_named(table: Iterable[str], module: str) -> bool:
    """Whether a table names a module or its room."""
    return any(
        module == one or (one.endswith(".") and f"{module}.".startswith(one)) for one in table
    )
