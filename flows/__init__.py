"""One file a flow: each reads from top to bottom as the pipeline it is."""

import tasks as _tasks  # sets up Prefect's environment before a flow's module imports Prefect

__all__: list[str] = []
del _tasks
