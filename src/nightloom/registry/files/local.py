"""Whether the files of a registered version are whole; a local store is not worth importing MLflow
for."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.errors import InputError, NightloomError, RunError
from nightloom.facts import RegisteredFacts
from nightloom.home import Home
from nightloom.registry.aliases import read_version
from nightloom.registry.files import remote, whole
from nightloom.registry.store import is_http, local_path
from nightloom.registry.versions import COMMAND_TAG, MODEL_ID_TAG, TEXTS_TAG, Version

if TYPE_CHECKING:
    from nightloom.settings.flows import FlowSettings


def damage(one: Version, *, tracking_uri: str, root: Path, full: bool = False) -> dict[str, str]:
    """What is wrong with the files of a version, by file; `full`: hash those on this machine.

    Of a server's files, their sizes alone are looked at. root: where this machine keeps models.
    """
    sealed = one.tags.get(whole.FILES_TAG)
    here = local_path(one.source, root)
    if here is not None:
        return whole.damage(here, sealed, checked=root / whole.CHECKED, full=full)
    model_id = one.tags.get(MODEL_ID_TAG)
    if sealed is None or model_id is None or not is_http(tracking_uri):
        return {}
    return remote.damage(
        tracking_uri, name=one.name, version=one.version, model_id=model_id, sealed=sealed
    )


def missing(home: Home, facts: Mapping[str, Any], settings: "FlowSettings | None" = None) -> str:
    """Why a `register` artifact with these facts no longer holds; empty where it does.

    settings: of the run, which say how much of the texts of rows its files may have.

    A store that does not answer is no reason: a night with everything cached needs no server.
    """
    model = RegisteredFacts.of(facts).version
    called = f"{model.name}/{model.version}"
    try:
        entry = read_version(home.tracking_uri, model.name, model.version)
    except RunError:
        return ""
    if entry is None:
        return f"{called} is not in the registry any more"
    damaged = damage(entry, tracking_uri=home.tracking_uri, root=home.model_files)
    if damaged:
        return f"files of {called}: {whole.told(damaged)}"
    texts = entry.tags.get(TEXTS_TAG, "full")
    if settings is not None and texts != settings.report.texts:
        return f"files of {called} were written with report.texts={texts}"
    return ""


def lost(
    one: Version, place: object, damaged: Mapping[str, str], *, tracking_uri: str
) -> InputError:
    """The error for a version whose files are gone or damaged."""
    command = one.tags.get(COMMAND_TAG) or _command_of_run(one, tracking_uri)
    if command and whole.FILES_TAG in one.tags:
        way = f"to put it back, run: {command}"
    elif command:
        way = f"to register it anew, run: {command}"
    else:
        way = "to register it anew, run its flow with the settings that its run in MLflow lists"
    return InputError(
        f"expected the files of {one.name}/{one.version} whole in {place}, but "
        f"{whole.told(damaged)}; name another version, or, {way}"
    )


def _command_of_run(one: Version, tracking_uri: str) -> str:
    """The command for a version of before, from what its run in MLflow says; empty where it says
    nothing."""
    from nightloom.records.known import families
    from nightloom.registry.reading import value_of
    from nightloom.registry.store import open_client
    from nightloom.settings.base import nested
    from nightloom.settings.command import run_command

    if not one.run_id:
        return ""
    from mlflow.exceptions import MlflowException

    try:
        client = open_client(tracking_uri)
        run = client.get_run(one.run_id)
        flow = client.get_experiment(run.info.experiment_id).name
    except (MlflowException, NightloomError):
        return ""
    if flow not in families():
        return ""
    return run_command(flow, nested({k: value_of(v) for k, v in sorted(run.data.params.items())}))
