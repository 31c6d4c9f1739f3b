"""Runs the stages: declared stages as Prefect tasks, runs and their observers, reports."""
