"""What the end of a worker's log says that ran out."""

from pathlib import Path

from nightloom.worker.shortage import ends_without_memory, ends_without_threads


def test_threads_that_cannot_be_started_are_told_from_memory(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "F0000 00:00:17 4320 env.cc:84] Check failed: ret == 0 (11 vs. 0) Thread tf_numa_-1_Eigen "
        "creation via pthread_create() failed.\n" + "    @     0x7f2acd4c74ad  (unknown)\n" * 90
    )
    assert ends_without_threads(log)
    assert not ends_without_memory(log)
    log.write_text("terminate called after throwing an instance of 'std::bad_alloc'\n")
    assert not ends_without_threads(log)
    assert not ends_without_threads(tmp_path / "none")
