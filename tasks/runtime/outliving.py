"""A run goes on when the lease of its deployment's concurrency limit is lost.

Prefect's engine would end it, after a night's training, because a server was away for some minutes;
that two nights overlap for a while costs less.
"""

import functools
from typing import Any


def outlive_leases() -> None:
    """Make Prefect's engine warn instead of ending the run."""
    from prefect import flow_engine

    for name in ("maintain_concurrency_lease", "amaintain_concurrency_lease"):
        maintain = getattr(flow_engine, name, None)
        if maintain is not None and not hasattr(maintain, "__wrapped__of_nightloom__"):
            setattr(flow_engine, name, _warning(maintain))


def _warning(maintain: Any) -> Any:
    @functools.wraps(maintain)
    def warning(*arguments: Any, **named: Any) -> Any:
        return maintain(*arguments[:2], **{**named, "raise_on_lease_renewal_failure": False})

    warning.__dict__["__wrapped__of_nightloom__"] = True
    return warning
