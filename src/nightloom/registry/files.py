"""Where the files of a registered version lie; a local store is not worth importing MLflow for."""

from pathlib import Path

from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.aliases import Entry
from nightloom.registry.store import local_path


def model_files(home: Home, entry: Entry) -> Path:
    """The folder of a version's files: where it lies on this machine, or a copy in the home.

    Raises:
        InputError: They are gone.
    """
    here = local_path(entry.source)
    if here is not None:
        if (here / "MLmodel").is_file():
            return here
        raise InputError(
            f"expected the files of {entry.name}/{entry.version} in {here}, but they are gone; "
            "train it again, or name another version"
        )
    from nightloom.registry.mlflow_registry import Registry

    registry = Registry(home.tracking_uri, home.model_files)
    version = next(v for v in registry.versions(entry.name) if v.version == entry.version)
    return registry.download(version, home.root / "downloads")
