"""What calls for a person, as events that automations tell of: a night that drags on, a disk that
fills up, a champion changed by hand, a candidate or data refused, a champion that fell.

Nothing here may fail a run.
"""

import contextlib
import contextvars
import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nightloom.cache.lookup import span
from nightloom.errors import DataRefused
from nightloom.gate.past import FELL
from nightloom.home import Home
from nightloom.registry.aliases import champion_of, changed_by_hand, model_url, read_version
from nightloom.registry.versions import WAITS
from nightloom.tasks.runtime.announcing import (
    CANDIDATE_REFUSED,
    CHAMPION_CHANGED,
    CHAMPION_FELL,
    DATA_REFUSED,
    DISK_LOW,
    RUN_LONG,
    alarm,
    announce,
)
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.planning import is_planning

if TYPE_CHECKING:
    from nightloom.facts import ModelFacts
    from nightloom.settings.nightly import NightlySettings

LAST_RUNS = 14
"""Earlier nights that tell how long one usually takes."""
LEAST_RUNS = 3
"""With fewer nothing is usual."""
GB = 1e9


@contextlib.contextmanager
def alarmed(settings: "NightlySettings") -> Iterator[None]:
    """Inside, a night tells when it takes longer than usual, before and after how the disk is."""
    if is_planning():
        yield
        return
    over = threading.Event()
    with _nothing_fails():
        _tell_of_hands({model.parsed().registry.name or model.title for model in settings.models})
        _tell_of_disk(settings.run.min_free_gb)
        run = contextvars.copy_context().run
        slack = settings.run.overrun_minutes * 60.0
        threading.Thread(target=run, args=(_tell_if_long, over, slack), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with _nothing_fails():
            _tell_of_disk(settings.run.min_free_gb)


def judged(model: "ModelFacts") -> None:
    """Tell of a version that was refused, and of a champion that fell."""
    if FELL in model.reason:
        alarm(
            CHAMPION_FELL,
            model.name,
            model.reason,
            advice="Compare tonight's data with those before (the run's report, `nightloom diff`); "
            f"`nightloom rollback {model.name}` puts the champion before it back.",
        )
    is_refused = model.decision == "challenger" and "champion" not in model.aliases
    if is_refused and not model.reason.startswith(WAITS):
        alarm(
            CANDIDATE_REFUSED,
            model.name,
            f"version {model.version} is no champion: {model.reason}",
            advice=f"{_serving(model.name)}. Read the run's report; "
            f'`nightloom promote {model.name}/{model.version} --why "…"` makes it champion all '
            "the same.",
        )


def refused(error: DataRefused) -> None:
    """Tell of data that were refused; the message names the model and says what lets them in."""
    name = str(error).partition(":")[0]
    alarm(
        DATA_REFUSED,
        name,
        str(error),
        advice=f"Nothing was trained. {_serving(name)}. Mend the source and retry the run, or let "
        "the data in.",
    )


def _serving(name: str) -> str:
    champion = champion_of(Home.current().tracking_uri, name)
    return f"Version {champion.version} goes on serving" if champion else "No version serves yet"


def _tell_of_disk(least: float) -> None:
    home = Home.current()
    home.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.root).free / GB
    if free >= least:
        return
    told = f"{free:.1f} GB are free on the disk of {home.root}, less than {least:g} GB"
    observers().warn(told)
    advice = "`nightloom tidy --dry-run` shows what can go; run.min_free_gb is the limit."
    alarm(DISK_LOW, str(home.root), told, advice=advice, kind="home")


def tell_of_hands() -> None:
    """Tell of champions that somebody changed in MLflow itself, of whatever model."""
    with _nothing_fails():
        _tell_of_hands(None)


def _tell_of_hands(names: set[str] | None) -> None:
    """The same, of some models or all; enter it in their history."""
    home = Home.current()
    for name, (old, new) in changed_by_hand(home.tracking_uri).items():
        if names is not None and name not in names:
            continue
        url = model_url(home.tracking_uri, name, new) if new else None
        if old is None:
            back = f"without the alias champion in MLflow {name} has none again"
        elif read_version(home.tracking_uri, name, old):
            back = f'`nightloom promote {name}/{old} --why "…"` takes it back'
        else:
            back = f"version {old} is gone; `nightloom promote {name}/N` makes version N champion"
        reason = (
            f"changed outside nightloom, before it {f'version {old}' if old else 'none'}; "
            f"`nightloom history {name}` shows every move, {back}"
        )
        announce(CHAMPION_CHANGED, name, new, old, {"reason": reason, "model_url": url})
        observers().warn(f"the champion of {name} is version {new or 'none'}, {reason}")
        from nightloom.registry.mlflow_registry import Registry  # only now: MLflow is heavy

        Registry(home.tracking_uri, home.model_files).title(name).history()


def _tell_if_long(over: threading.Event, slack: float) -> None:
    with _nothing_fails():
        longest = _longest()
        if longest is None or over.wait(max(0.0, longest + slack - _so_far())):
            return
        told = (
            f"it runs for {span(_so_far())}; the longest of the last {LAST_RUNS} took "
            f"{span(longest)}"
        )
        observers().warn(told)
        alarm(
            RUN_LONG,
            "nightly",
            told,
            advice="Look at the progress of its stages; *Cancel* saves a checkpoint, and *Retry* "
            "goes on from there.",
            kind="flow",
        )


def _longest() -> float | None:
    """Seconds of the longest of the last completed runs of this deployment; None: too few."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    if not flow_run.id:
        return None
    with get_client(sync_client=True) as client:
        this: Any = client.read_flow_run(flow_run.id)
        wanted: dict[str, Any] = {
            "flows": {"id": {"any_": [str(this.flow_id)]}},
            "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
            "sort": "END_TIME_DESC",
            "limit": LAST_RUNS,
        }
        if this.deployment_id:
            wanted["flow_runs"]["deployment_id"] = {"any_": [str(this.deployment_id)]}
        found = client.request("POST", "/flow_runs/filter", json=wanted).json()
    took = [float(one["total_run_time"]) for one in found]
    return max(took) if len(took) >= LEAST_RUNS else None


def _so_far() -> float:
    from datetime import UTC, datetime

    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    began = context.start_time if context else datetime.now(UTC)
    return (datetime.now(UTC) - began).total_seconds()


@contextlib.contextmanager
def _nothing_fails() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        observers().warn(f"an alarm could not be given: {type(error).__name__}: {error}")
