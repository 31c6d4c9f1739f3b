"""Where nightloom keeps what it builds: one folder, `NIGHTLOOM_HOME`."""

import contextlib
import errno
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from nightloom.errors import InputError
from nightloom.scoped import scoped
from nightloom.settings.spelling import shown

VARIABLE = "NIGHTLOOM_HOME"
ENDS_ADDRESS = "?"
MOST_BYTES = 400
"""SQLite opens files whose paths have at most 512; names within the home take some."""
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
_given: ContextVar[Path | None] = ContextVar("nightloom_home", default=None)


@dataclass(frozen=True)
class Home:
    """The layout of `NIGHTLOOM_HOME` (default `.nightloom/` in the working directory)."""

    root: Path

    @classmethod
    def current(cls) -> "Home":
        """The home given to this call, else the environment's; not created here.

        Raises:
            InputError: Its path is not UTF-8, too long, a file's, or has a `?`.
        """
        given = _given.get() or Path(os.environ.get(VARIABLE) or ".nightloom")
        home = given.expanduser().absolute()
        try:
            str(home).encode("utf-8")
        except UnicodeEncodeError as error:
            escaped = os.fsencode(home).decode("ascii", "backslashreplace")
            raise InputError(
                f"expected a path in UTF-8 as {VARIABLE}, got {escaped}; rename a folder, or "
                "name another one"
            ) from error
        if ENDS_ADDRESS in str(home):
            raise InputError(
                f"expected a folder without {ENDS_ADDRESS} in its path as {VARIABLE}, got "
                f"{shown(str(home), 200)}: addresses of databases end there; name another one"
            )
        if len(os.fsencode(home)) > MOST_BYTES:
            raise InputError(
                f"expected a path of at most {MOST_BYTES} bytes as {VARIABLE}, got "
                f"{len(os.fsencode(home))}, of which SQLite opens no file; name a shorter one"
            )
        try:
            is_other = home.exists() and not home.is_dir()
        except OSError as error:  # a name that is too long
            raise cls(home).refused(error) from error
        if is_other:
            raise InputError(
                f"expected a folder as {VARIABLE}, got the file {home}; name another one"
            )
        return cls(home)

    @property
    def artifacts(self) -> Path:
        """Published artifacts, `<stage>/<key>/`."""
        return self.root / "artifacts"

    @property
    def building(self) -> Path:
        """Artifacts being written; on the same file system, so publishing is a rename."""
        return self.root / "artifacts" / ".building"

    @property
    def checkpoints(self) -> Path:
        """What a killed training resumes from, one folder per stage key."""
        return self.root / "checkpoints"

    @property
    def locks(self) -> Path:
        """Lock files of builds and leases of running flows."""
        return self.root / "locks"

    @property
    def quarantine(self) -> Path:
        """Artifacts that failed verification, kept for inspection."""
        return self.root / "quarantine"

    @property
    def results(self) -> Path:
        """Prefect's result records: one small JSON file per stage key."""
        return self.root / "results"

    @property
    def fetched(self) -> Path:
        """Files of sources that were fetched from elsewhere, one folder a state."""
        return self.root / "sources" / "files"

    @property
    def checks(self) -> Path:
        """What the last check of each model's data found, and which data a person let in."""
        return self.root / "checks"

    @property
    def logs(self) -> Path:
        """The workers' standard error."""
        return self.root / "logs"

    @property
    def usage(self) -> Path:
        """What building each artifact used: one small JSON file per stage key."""
        return self.root / "usage"

    @property
    def programs(self) -> Path:
        """Programs compiled by XLA, one folder per machine: the only place with machine code."""
        return self.root / "programs"

    @property
    def tracking_uri(self) -> str:
        """The MLflow store: `MLFLOW_TRACKING_URI` if set, else SQLite in this home."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def model_files(self) -> Path:
        """Files of registered models, if MLflow's store is local."""
        return self.root / "mlartifacts"

    def create(self) -> None:
        """Create the folders.

        Raises:
            InputError: The home is not writable.
        """
        try:
            for folder in (self.building, self.checkpoints, self.locks, self.results, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.root, os.W_OK):
                raise PermissionError(13, "not writable")
        except OSError as error:
            raise self.refused(error) from error

    def refused(self, error: OSError) -> InputError:
        """What is said of a home in which nothing can be written."""
        place = Path(os.fsdecode(error.filename or self.root))
        inside = place.is_relative_to(self.root) and place != self.root
        what = f"{place.relative_to(self.root)}: {error.strerror}" if inside else error.strerror
        return InputError(
            f"expected a writable folder as {VARIABLE}, got {shown(str(self.root), 200)}: {what}; "
            f"name another one in {VARIABLE}"
        )

    def is_closed(self, error: BaseException) -> bool:
        """Whether an error says that nothing can be written in this home."""
        if not isinstance(error, OSError) or not error.filename:
            return False
        place = Path(os.fsdecode(error.filename))
        if error.errno == errno.ENOENT:  # no folder can be made there, as in /proc
            return place == self.root
        return error.errno in _CLOSED and place.is_relative_to(self.root)


@contextlib.contextmanager
def at_home(root: "str | os.PathLike[str] | None") -> Iterator[Home]:
    """Inside, and in child processes, `root` is the home; None: the environment's.

    Raises:
        InputError: It is not a path, or as in `Home.current`.
    """
    if root is not None and not isinstance(root, str | os.PathLike):
        raise InputError(
            f"expected a folder as home, got {type(root).__name__}; give its path, or leave it out"
        )
    with scoped(_given, Path(root).expanduser().absolute() if root else _given.get()):
        yield Home.current()
