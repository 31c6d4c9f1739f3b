"""What one stage has for some models only."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a stage takes and reads beyond what it does for all: for a family, a learner, a task."""

    inputs: tuple[str, ...] = ()
    """Names of artifacts that it reads."""
    reads: tuple[str, ...] = ()
    """Dotted paths of settings that it reads; they are in the key."""
    uses: tuple[str, ...] = ()
    """Settings that it is given but that cannot change its result; they are not in the key."""

    def __add__(self, other: "Part") -> "Part":
        """Both together."""
        return Part(
            inputs=(*self.inputs, *other.inputs),
            reads=(*self.reads, *other.reads),
            uses=(*self.uses, *other.uses),
        )
