"""Builders: one module per stage, each with `build(context) -> Built`. They run in the worker."""
