"""Drills: what a nightly job is judged by on its worst night. Run by hand; they count and print."""
