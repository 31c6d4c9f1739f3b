"""Programs compiled by XLA, kept in the home: tonight's training reuses last night's programs.

TensorFlow reads and writes such programs in a given folder. They are machine code, so nothing is
read that was not written here: a worker gets its own folder with copies of those files whose
content still has the digest in their name (`<digest>-<TensorFlow's name>`), and what it adds is
kept only if it ended well. There is one folder per TensorFlow build and processor, or GPU and
driver; XLA's own key covers the program.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from nightloom.accelerators import Accelerator, compiler_flags
from nightloom.cache.canonical import digest_of_file

ROOM = 512 * 2**20
"""Maximum bytes of programs per build and processor; the oldest are removed first."""
OPEN = ".open-"
AUTOTUNED = "autotuned"
"""Folder of XLA's autotuning results for a GPU."""


class Programs:
    """A home's programs for this machine, as given to one worker."""

    def __init__(self, root: Path, gpu: Accelerator | None) -> None:
        """`root`: the home's folder for all machines; created with mode 0700 if missing."""
        self._gpu = gpu
        root.mkdir(mode=0o700, exist_ok=True)
        root.chmod(0o700)
        self._kept = root / machine(gpu)
        self._kept.mkdir(mode=0o700, exist_ok=True)
        with _held(self._kept, wait=True):
            self._forget_left_over()
            self._folder = Path(tempfile.mkdtemp(prefix=OPEN, dir=self._kept))
            self._lock = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self._folder / AUTOTUNED).mkdir(mode=0o700)
        self._given = {name for path in self._files() if (name := self._give(path))}

    def environment(self) -> dict[str, str]:
        """Flags that make TensorFlow use them, followed by the user's."""
        kind = "CPU" if self._gpu is None else "GPU"
        mine = (
            f"--tf_xla_persistent_cache_directory={_quoted(self._folder)} "
            "--tf_xla_persistent_cache_read_only=false "
            f"--tf_xla_persistent_cache_device_types={kind}"
        )
        found = {"TF_XLA_FLAGS": f"{mine} {os.environ.get('TF_XLA_FLAGS', '')}".strip()}
        if self._gpu is not None:
            folder = _quoted(self._folder / AUTOTUNED)
            tuned = f"--xla_gpu_per_fusion_autotune_cache_dir={folder}"
            found["XLA_FLAGS"] = compiler_flags(tuned)
        return found

    def close(self, *, keep: bool) -> None:
        """Release the folder; `keep`: keep what the worker compiled."""
        with contextlib.suppress(OSError):  # a full disk costs a compilation, not the run
            if keep:
                self._take()
                self._make_room()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)

    def _files(self) -> list[Path]:
        return [path for path in self._kept.iterdir() if path.is_file()]

    def _give(self, path: Path) -> str:
        """Copy a program to the worker's folder; returns its name there, empty if altered."""
        digest, _, name = path.name.partition("-")
        target = self._folder / name.replace("+", "/", 1)
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == digest and target.parent.is_dir():
                target.write_bytes(content)
                return name
            path.unlink()
        except OSError:
            pass
        return ""

    def _take(self) -> None:
        for path in self._folder.rglob("*"):
            name = str(path.relative_to(self._folder)).replace("/", "+")
            if name in self._given or not path.is_file() or path.is_symlink():
                continue
            os.replace(path, self._kept / f"{digest_of_file(path)}-{name}")

    def _make_room(self) -> None:
        newest = sorted(self._files(), key=lambda path: path.stat().st_mtime, reverse=True)
        taken = 0
        for path in newest:
            taken += path.stat().st_size
            if taken > ROOM:
                path.unlink(missing_ok=True)

    def _forget_left_over(self) -> None:
        """Folders of killed workers: their lock is free."""
        for folder in self._kept.glob(f"{OPEN}*"):
            with contextlib.suppress(OSError), _held(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _quoted(path: Path) -> str:
    """As a value in a variable of flags, which XLA splits at blanks (parse_flags_from_env.cc)."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextlib.contextmanager
def _held(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Take the lock, or wait; raises BlockingIOError if not waiting and it is held."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(lock)


def machine(gpu: Accelerator | None) -> str:
    """A name for what programs depend on: TensorFlow, processor, GPU and driver."""
    parts = [platform.machine(), platform.python_version(), _tensorflow(), _processor()]
    if gpu is not None:
        parts += [gpu.name, gpu.driver]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"{'cpu' if gpu is None else 'gpu'}-{digest}"


def _tensorflow() -> str:
    """The build, identified by the digests of its files if they are listed."""
    try:
        found = distribution("tensorflow")
    except PackageNotFoundError:
        return ""
    record = found.read_text("RECORD") or ""
    return f"{found.version} {hashlib.sha256(record.encode()).hexdigest()}"


def _processor() -> str:
    """Model and features of the processor; XLA compiles for all of them."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    wanted = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU part")
    found = {line.partition(":")[0].strip(): line for line in reversed(lines)}
    return "\n".join(found.get(name, "") for name in wanted)
