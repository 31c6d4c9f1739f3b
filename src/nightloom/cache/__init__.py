"""The stage cache: keys, verified artifacts, locks. Knows nothing of Prefect."""
