"""A child that ran out of memory: how that is known, and what to do."""

from pathlib import Path

LESS_MEMORY = {
    "train": "set train.batch_size lower, or train.accumulate=2 for the same step in parts, or ",
    "evaluate": "set evaluate.batch_size lower, or ",
    "score": "set score.batch_size lower, or ",
}
"""What needs less memory, by stage."""


def ends_without_memory(log: Path) -> bool:
    """Whether native code ran out of memory, according to the end of the log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            end = file.read()
    except OSError:
        return False
    return any(words in end for words in (b"bad_alloc", b"out of memory", b"Cannot allocate"))


def out_of_memory(stage: str, detail: str) -> str:
    """The message about a stage whose child did, with what is known of it."""
    hint = LESS_MEMORY.get(stage, "")
    return (
        f"{stage} probably ran out of memory{': ' + detail if detail else ''}; "
        f"{hint}run where more memory is free"
    )
