"""What a builder of a test is given."""

from pathlib import Path

from nightloom.context import BuildContext
from nightloom.home import Home


def context(folder: Path) -> BuildContext:
    """For a build below a folder."""
    out = folder / "build" / "out"
    out.mkdir(parents=True)
    return BuildContext(
        stage="train", key="key", variant="", settings={}, inputs={}, out=out,
        checkpoints=folder / "checkpoints", home=Home(folder),
    )  # fmt: skip
