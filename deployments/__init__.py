"""What makes flows run unattended: the local stack, and what is set up on a Prefect server."""

if __name__ != "nightloom.deployments":
    raise ImportError("expected nightloom.deployments: deployments/ is a part of that package")
