"""What the readers of a source have to say about it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Notes:
    """What was read how (`lines`), what was taken for what in each split (`read_as`), and what
    someone should look at."""

    lines: list[str] = field(default_factory=list)
    read_as: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    _roles: dict[str, object] = field(default_factory=dict)

    def say(self, split: str, name: str, said: str, roles: object) -> None:
        """Say what was taken for what in a file; of several with equal `roles`, once."""
        if self._roles.setdefault(split, roles) != roles:
            split = f"{split} ({name})"
        self.read_as.setdefault(split, f"{name}: {said}")
