"""Unattended operation: the local stack, and the setup of a Prefect server."""

if __name__ != "nightloom.deployments":
    raise ImportError("expected nightloom.deployments: deployments/ is part of that package")
