"""What makes flows run unattended: the local stack, and what is set up on a Prefect server."""
