import numpy as np
import pytest

from nightloom.training.checkpoints import LATEST, Checkpoints, Position

ARRAYS = {"model/w": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "train-key")


def test_what_was_saved_last_is_loaded(checkpoints):
    checkpoints.save(Position(epoch=0, step=1, steps=1), {"model/w": np.zeros(1)})
    checkpoints.save(Position(epoch=0, step=2, steps=2, loss_sum=0.5), ARRAYS)
    position, arrays = checkpoints.load()
    assert (position.step, position.loss_sum) == (2, 0.5)
    assert (arrays["model/w"] == ARRAYS["model/w"]).all()
    assert len(list(checkpoints.folder.glob("step-*"))) == 1


def test_there_is_none_at_first(checkpoints):
    assert checkpoints.load(warn=pytest.fail) is None


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [lambda p: p.unlink(), lambda p: p.write_bytes(b""), flip, lambda p: p.write_bytes(b"x")],
    ids=["gone", "empty", "a bit flipped", "other"],
)
@pytest.mark.parametrize("name", [LATEST, "step-*", "best-*"])
def test_a_damaged_checkpoint_counts_as_none(checkpoints, harm, name):
    digest = checkpoints.save_best(0, ARRAYS)
    position = Position(epoch=1, best_epoch=0, best_score=0.5, best_sha256=digest)
    checkpoints.save(position, ARRAYS)
    assert checkpoints.load() is not None
    harm(next(checkpoints.folder.glob(name)))
    said = []
    assert checkpoints.load(warn=said.append) is None
    assert "damaged" in said[0]


def test_a_write_that_was_cut_short_leaves_the_one_before(checkpoints):
    checkpoints.save(Position(steps=1), ARRAYS)
    (checkpoints.folder / ".step-000000002-00000.safetensors").write_bytes(b"half")
    (checkpoints.folder / f".{LATEST}").write_text("{")
    position, _ = checkpoints.load()
    assert position.steps == 1


def test_a_link_in_the_way_of_a_checkpoint_is_not_followed(checkpoints, tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    for name in (f".{LATEST}", ".step-000000001-00000.safetensors", LATEST):
        (checkpoints.folder / name).symlink_to(precious)
    checkpoints.save(Position(steps=1), ARRAYS)
    assert precious.read_bytes() == b"mine"
    assert checkpoints.load() is not None
