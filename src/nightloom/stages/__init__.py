"""Builders: one module a stage, each with `build(context) -> Built`. Run in the worker."""
