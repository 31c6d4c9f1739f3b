"""One file per flow: each reads from top to bottom as the pipeline it is."""

import nightloom.tasks as _tasks  # sets up Prefect's environment before Prefect is imported

if __name__ != "nightloom.flows":
    raise ImportError("expected nightloom.flows: flows/ is part of that package")

__all__: list[str] = []
del _tasks
