"""Source files: that they stay what they were while they are read."""

import os
import threading
from pathlib import Path

import pytest

from nightloom.data.build import build_dataset
from nightloom.downloads.growth import growth_shown
from nightloom.errors import RunError
from nightloom.settings.data import TextDataSettings


class Recorder:
    """A report that does something when it is told of progress."""

    def __init__(self, then: object = None) -> None:
        self.told: list[tuple[str, float]] = []
        self.then = then
        self.came = threading.Event()

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        self.told.append((what, done))
        self.came.set()
        if callable(self.then):
            self.then()

    def log(self, message: str) -> None: ...

    def warn(self, message: str) -> None: ...


@pytest.mark.parametrize("change", ["append", "remove"])
def test_a_file_that_changes_while_it_is_read(change: str, tmp_path: Path) -> None:
    source = tmp_path / "train.csv"
    source.write_text("text,label\n" + "".join(f"t{n},{n % 2}\n" for n in range(9000)))

    def disturb() -> None:
        if change == "append":
            with source.open("a") as file:
                file.write("x,0\n")
        else:
            source.unlink(missing_ok=True)

    with pytest.raises(RunError, match=r"train.csv changed while being read; run again"):
        build_dataset(TextDataSettings(source=str(source)), tmp_path / "out", Recorder(disturb))
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_growth_of_a_folder_is_progress(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x" * 1000)
    os.utime(tmp_path / "old", (1, 1))
    report = Recorder()
    with growth_shown(tmp_path, what="download", report=report, every=0.01):
        (tmp_path / "new").write_bytes(b"x" * 70)
        assert report.came.wait(10)
    assert report.told[-1] == ("download", 70)
    assert not [thread for thread in threading.enumerate() if thread.name == "download progress"]
