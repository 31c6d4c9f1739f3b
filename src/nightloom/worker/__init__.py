"""The worker: a child process in which stages are built, so that the flow's own stays light."""
