"""`nightly`: retrains a list of models, one after the other, and tells in the morning how it went.

nightloom run nightly --config nightly.yaml       the models and their settings, see the docs
"""

from typing import Any

from prefect import flow

from flows.classify_bert import classify_bert
from flows.classify_hub import classify_hub
from flows.classify_transformer import classify_transformer
from flows.ner_bert import ner_bert
from nightloom.settings.nightly import NightlySettings
from tasks.runtime.night import Night, retrain

FLOWS = {one.name: one for one in (classify_transformer, classify_hub, classify_bert, ner_bert)}


@flow(name="nightly", validate_parameters=True, persist_result=False)
def nightly(settings: NightlySettings, refresh: tuple[str, ...] = ()) -> dict[str, Any]:
    """Models → each retrained as a flow of its own → one summary; failed when any failed.

    Args:
        settings: The models of the night: each a flow, its settings and a name.
        refresh: Stages to build again even where nothing changed.
    """
    night = Night()
    for model in settings.models:
        night.add(retrain(FLOWS[model.flow], model, refresh=refresh))
    return night.over()
