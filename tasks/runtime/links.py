"""Links into Prefect's UI, if its address is known."""

from nightloom.masking import without_login


def flow_run_url() -> str | None:
    """The page of the current run; None outside a run, or without a UI.

    Prefect's own `flow_run.ui_url` would be `None/flow-runs/...` then.
    """
    from prefect.runtime import flow_run
    from prefect.settings import PREFECT_UI_URL

    if not flow_run.id or not PREFECT_UI_URL.value():
        return None
    return without_login(flow_run.ui_url)
