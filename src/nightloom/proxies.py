"""Proxies that the environment names are for other machines: what runs on this one is asked itself.

Prefect, MLflow and nightloom's own requests all read `http_proxy` and its like, and `no_proxy`.
"""

import os
from collections.abc import MutableMapping
from urllib.request import getproxies, proxy_bypass

HERE = ("127.0.0.1", "localhost")
EXCEPT = ("no_proxy", "NO_PROXY")
EVERYTHING = "*"


def spare_this_machine(environment: MutableMapping[str, str] = os.environ) -> None:
    """Add this machine to the hosts that are asked without a proxy, where one is set."""
    named = {name.lower() for name, value in environment.items() if value}
    if not any(name.endswith("_proxy") for name in named - {*EXCEPT}):
        return
    for name in [one for one in EXCEPT if environment.get(one)] or EXCEPT:
        given = environment.get(name, "")
        hosts = [one.strip() for one in given.split(",") if one.strip()]
        if EVERYTHING not in hosts:
            lacking = [one for one in HERE if one not in hosts]
            environment[name] = ",".join([*hosts, *lacking])


def is_behind_proxy(scheme: str, host: str) -> bool:
    """Whether requests to a host go through a proxy."""
    return bool({scheme, "all"} & getproxies().keys()) and not proxy_bypass(host)
