"""The readers' remarks on a source."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Notes:
    """How files were read (`lines`), the role of columns in each split (`read_as`), and
    warnings."""

    lines: list[str] = field(default_factory=list)
    read_as: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    _roles: dict[str, object] = field(default_factory=dict)

    def say(self, split: str, name: str, said: str, roles: object) -> None:
        """Report the role of a file's columns; for several with equal `roles`, once."""
        if self._roles.setdefault(split, roles) != roles:
            split = f"{split} ({name})"
        self.read_as.setdefault(split, f"{name}: {said}")
