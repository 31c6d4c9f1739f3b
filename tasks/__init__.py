"""One file per stage: thin Prefect tasks around the library."""

import os

from nightloom.on_import import on_import
from nightloom.proxies import spare_this_machine
from nightloom.user_folder import replace_where_closed

if __name__ != "nightloom.tasks":
    raise ImportError("expected nightloom.tasks: tasks/ is part of that package")

ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
"""Set before Prefect is imported, unless the user set them: no telemetry, patience at the start."""

for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
spare_this_machine()
replace_where_closed()


def _own_ephemeral_server() -> None:
    from nightloom.tasks.runtime.ephemeral import install

    install()


on_import("prefect.server.api.server", _own_ephemeral_server)


def _outlive_leases() -> None:
    from nightloom.tasks.runtime.outliving import outlive_leases

    outlive_leases()


on_import("prefect.flow_engine", _outlive_leases)
