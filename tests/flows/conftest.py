"""What tests of flows say of commands; the fixtures are those of all tests."""

from tests.command import SMALL, Done, Nightloom

__all__ = ["SMALL", "Done", "Nightloom"]
