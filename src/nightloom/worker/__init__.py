"""The worker: a child process that builds stages, to keep the flow's own process light."""
