"""What runs the stages: declared stages as Prefect tasks, a run and who watches it, its reports."""
