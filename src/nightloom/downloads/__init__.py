"""Shared by all downloads: retries, progress, and messages."""
