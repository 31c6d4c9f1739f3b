"""What is known of a candidate beside its metric against champion and anchor."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, as a clause of the reason."""

    text: str
    refuses: bool = False
    """Whether the candidate is a challenger for this alone."""
    leads: bool = False
    """Whether it is said before the decision, whatever that is."""
