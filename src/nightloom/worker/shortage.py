"""A child that ran out of memory, maps or threads: how that is known, and what to do."""

import contextlib
from pathlib import Path

LESS_MEMORY = {
    "train": "set train.batch_size lower, or train.accumulate=2 for the same step in parts, or ",
    "evaluate": "set evaluate.batch_size lower, or ",
    "score": "set score.batch_size lower, or ",
}
"""What needs less memory, by stage."""


MOST_MAPS = Path("/proc/sys/vm/max_map_count")
"""How many memory maps Linux allows a process, by default 65,530."""


def ends_without_memory(log: Path) -> bool:
    """Whether native code ran out of memory, according to the end of the log."""
    end = _end_of(log, 4096)
    return any(words in end for words in (b"bad_alloc", b"out of memory", b"Cannot allocate"))


def ends_without_maps(log: Path) -> bool:
    """Whether XLA could not map a program that it compiled, according to the end of the log.

    Each of a program's kernels takes some maps. Those of many shapes of a large model can be more
    than a process may have; then LLVM's error handling ends it with SIGSEGV.
    """
    return b"LLVM compilation error: Cannot allocate memory" in _end_of(log, 65_536)


def ends_without_threads(log: Path) -> bool:
    """Whether native code could start no thread, according to the end of the log."""
    end = _end_of(log, 65_536)
    return b"pthread_create" in end and b"fail" in end


def out_of_threads(stage: str) -> str:
    """The message about a stage whose child could start none."""
    return (
        f"{stage} failed: no thread could be started; raise the limit of processes (`ulimit -u`), "
        "that of the container, or end what has them"
    )


def out_of_memory(stage: str, detail: str) -> str:
    """The message about a stage whose child did, with what is known of it."""
    hint = LESS_MEMORY.get(stage, "")
    return (
        f"{stage} probably ran out of memory{': ' + detail if detail else ''}; "
        f"{hint}run where more memory is free"
    )


def out_of_maps(stage: str) -> str:
    """The message about a stage whose child did."""
    room = "its memory maps"
    with contextlib.suppress(OSError, ValueError):
        room = f"{int(MOST_MAPS.read_text()):,} memory maps"
    less = ", or set train.jit_compile=false or model.length lower" if stage == "train" else ""
    return (
        f"{stage} failed: XLA compiled more programs than a process has room for ({room}); raise "
        f"that limit as root (sysctl -w vm.max_map_count=1048576){less}"
    )


def _end_of(log: Path, size: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            return file.read()
    except OSError:
        return b""
