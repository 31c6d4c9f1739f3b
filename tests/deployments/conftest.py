"""A real Prefect server for the tests of deployments."""

from tests.flows.conftest import environment, nightloom, prefect_api

__all__ = ["environment", "nightloom", "prefect_api"]
