"""The day for which a run is: that of its scheduled start, however late it runs."""

from datetime import UTC, date


def night_of_run() -> date:
    """The day in UTC at which the flow run around this call was to start; today outside of one."""
    from prefect.runtime import flow_run

    begins: date = flow_run.scheduled_start_time.astimezone(UTC).date()
    return begins
