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

OWN_SERVER = ("PREFECT_SERVER_EPHEMERAL_ENABLED", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE")
"""A run starts a server of its own where none is named, whichever profile of Prefect is in use: the
one that Prefect begins with allows it, one that the user made does not."""

for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
if not os.environ.get("PREFECT_API_URL"):  # set to nothing it is none, not an address
    os.environ.pop("PREFECT_API_URL", None)
if not any(name in os.environ for name in OWN_SERVER):
    os.environ[OWN_SERVER[0]] = "true"
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
