"""Writes safetensors with the permissions of any other new file."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def write_tensors(
    arrays: "dict[str, np.ndarray]", path: Path, *, metadata: dict[str, str] | None = None
) -> None:
    """Write arrays to a file, which may not be a symbolic link; an existing file is replaced.

    The library creates files that only their owner can read, whatever the umask.
    """
    from safetensors.numpy import save_file

    path.unlink(missing_ok=True)
    path.touch(exist_ok=False)
    mode = stat.S_IMODE(path.stat().st_mode)
    save_file(arrays, path, metadata=metadata)
    path.chmod(mode)
