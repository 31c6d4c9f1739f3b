"""Measurements, run by hand: `python -m benchmarks.NAME --help`. Never part of the tests.

Each compares things side by side in one run, because figures of different runs or machines do not
compare, and prints what it ran on.
"""
