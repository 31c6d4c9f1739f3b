"""What a stage has only for some models."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stage's additional inputs and settings for a family, a learner or a task."""

    inputs: tuple[str, ...] = ()
    """Names of artifacts it reads."""
    reads: tuple[str, ...] = ()
    """Dotted paths of settings it reads; they are in the key."""
    uses: tuple[str, ...] = ()
    """Settings it is given that cannot change its result; they are not in the key."""

    def __add__(self, other: "Part") -> "Part":
        """Both combined."""
        return Part(
            inputs=(*self.inputs, *other.inputs),
            reads=(*self.reads, *other.reads),
            uses=(*self.uses, *other.uses),
        )
