"""YAML settings files: plain values only, no duplicate names."""

from pathlib import Path
from typing import Any

from nightloom.errors import InputError
from nightloom.settings.spelling import on_one_line


def read_yaml(path: Path) -> Any:
    """The plain values in a YAML file; None for an empty one.

    Raises:
        InputError: The file cannot be read, or is not YAML in UTF-8.
    """
    try:
        return _parse(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"cannot read the settings file {path}: {error.strerror}; name an existing YAML file"
        ) from error
    # PyYAML propagates whatever its constructors raise on values such as `!!int x`.
    except Exception as error:
        what = on_one_line(str(error), 300) or type(error).__name__
        raise InputError(f"expected YAML in UTF-8 in {path}, got: {what}; fix it") from error


def _parse(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads values, never objects; refuses what PyYAML would silently drop."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                name = str(key.value)
                if name in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{name!r} is set twice", key.start_mark
                    )
                seen.add(name)
            return super().construct_mapping(node, deep)

    return yaml.load(text, Loader)
