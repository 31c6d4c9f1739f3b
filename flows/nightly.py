"""`nightly`: retrains a list of models, one after the other, and tells in the morning how it went.

nightloom run nightly --config nightly.yaml       the models and their settings, see the docs
"""

from typing import Any

from prefect import flow

from nightloom.settings.nightly import NightlySettings
from tasks.night import Night, retrain


@flow(name="nightly", validate_parameters=True, persist_result=False)
def nightly(settings: NightlySettings, refresh: tuple[str, ...] = ()) -> dict[str, Any]:
    """Models → each retrained as a flow of its own → one summary; failed when any failed.

    Args:
        settings: The models of the night: each a flow, its settings and a name.
        refresh: Stages to build again even where nothing changed.
    """
    night = Night()
    for model in settings.models:
        night.add(retrain(model, refresh=refresh))
    return night.over()
