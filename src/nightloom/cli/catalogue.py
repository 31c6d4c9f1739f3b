"""The flows that the command line knows."""

import importlib
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, cast

from nightloom.errors import InputError


@dataclass(frozen=True)
class FlowEntry:
    """A flow: where it is, and what it does in a line."""

    name: str
    function: str
    """`module:function` of the Prefect flow."""
    settings: str
    """`module:class` of its settings; without a module, of `nightloom.settings.flows`."""
    summary: str

    def load_settings(self) -> Any:
        """The type of the flow's settings."""
        module, _, name = self.settings.rpartition(":")
        return getattr(importlib.import_module(module or "nightloom.settings.flows"), name)

    def load(self) -> Any:
        """The Prefect flow."""
        module, _, function = self.function.partition(":")
        return cast("Any", getattr(importlib.import_module(module), function))


FLOWS = {
    entry.name: entry
    for entry in (
        FlowEntry(
            "classify-transformer",
            "nightloom.flows.classify_transformer:classify_transformer",
            "ClassifyTransformer",
            "texts → classes, with a transformer trained from scratch",
        ),
        FlowEntry(
            "classify-bert",
            "nightloom.flows.classify_bert:classify_bert",
            "ClassifyBert",
            "texts → classes, with a Hugging Face encoder, frozen or fine-tuned",
        ),
        FlowEntry(
            "classify-hub",
            "nightloom.flows.classify_hub:classify_hub",
            "ClassifyHub",
            "texts → classes, with a TF Hub encoder, frozen or fine-tuned",
        ),
        FlowEntry(
            "ner-bert",
            "nightloom.flows.ner_bert:ner_bert",
            "NerBert",
            "sentences → entities, with a Hugging Face encoder",
        ),
        FlowEntry(
            "nightly",
            "nightloom.flows.nightly:nightly",
            "nightloom.settings.nightly:NightlySettings",
            "retrains a list of models (--config FILE.yaml), one summary for all",
        ),
    )
}


def find_flow(name: str) -> FlowEntry:
    """The flow of that name.

    Raises:
        InputError: There is none.
    """
    if name in FLOWS:
        return FLOWS[name]
    close = [flow for flow in FLOWS if name and name.lower() in flow.split("-")]
    close = close or get_close_matches(name, FLOWS, n=1)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(FLOWS)}"
    raise InputError(f"unknown flow {name}; {hint}")
