"""Packages that add families, sources and formats."""
