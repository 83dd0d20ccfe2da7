"""Checkpoints are written atomically, run no code, and contain no path."""

import os
import pickle
import resource
import signal
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from keyart.errors import InputError
from keyart.training.callbacks.best_checkpoint import BestCheckpoint
from keyart.utils.checkpoint_files import AtomicCheckpointIO, read_checkpoint
from tests.forked import run_one

STATE = {"state_dict": {"weight": torch.arange(4.0)}, "global_step": 7, "callbacks": {"a": {"best": 0.5}}}


class Payload:
    """Object that writes a file when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(STATE, path)
    assert list(path.parent.iterdir()) == [path]
    for read in (read_checkpoint, AtomicCheckpointIO().load_checkpoint):
        state = read(path)
        assert torch.equal(state.pop("state_dict")["weight"], STATE["state_dict"]["weight"])
        assert state == {key: value for key, value in STATE.items() if key != "state_dict"}


@pytest.mark.parametrize("where", ["state_dict", "callbacks", "beside"])
@pytest.mark.parametrize("form", ["zip", "legacy", "bare"])
def test_a_payload_is_refused_and_runs_nothing(where, form, tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "last.ckpt"
    payload = Payload(canary)
    state = {**STATE, where: payload} if where == "beside" else {**STATE, where: {"x": payload}}
    if form == "bare":
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(InputError, match=r"last\.ckpt: holds more than tensors and plain values") as caught:
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
    assert "\n" not in str(caught.value)
    assert not canary.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x80\x02}q\x00.", b"text", None])
def test_what_is_no_checkpoint_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "last.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"last\.ckpt: ") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_half_a_checkpoint_is_refused_in_one_line(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(STATE, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"last\.ckpt: is damaged"):
        read_checkpoint(path)


def state_of(step, n):
    return {"state_dict": {"weight": torch.full((n,), float(step))}, "global_step": step}


def write_two(folder, how, tmpdir):
    """Write a checkpoint over another, in a process that ends by it."""
    os.environ["TMPDIR"] = tmpdir
    files, path = AtomicCheckpointIO(), folder / "checkpoints" / "last.ckpt"
    files.save_checkpoint(state_of(1, 10), path)

    def watch(event, arguments):
        if event == "open" and str(arguments[0]) == str(path) and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            print("opened for writing in place", file=sys.stderr)
            os._exit(77)

    sys.addaudithook(watch)
    if how == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    if how == "dies":
        save = torch.save

        def dies(content, file, *rest, **more):
            save(content, file, *rest, **more)
            if hasattr(file, "flush"):
                file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        torch.save = dies
    files.save_checkpoint(state_of(2, 1_000_000), path)


@pytest.fixture
def elsewhere(tmp_path):
    """A folder for temporary files on another file system than the run's."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=shared) as name:
        yield name


@pytest.mark.parametrize("how", ["dies", "full"])
def test_the_old_checkpoint_outlives_a_writer_that_does_not_end(how, tmp_path, elsewhere):
    code, err = run_one(write_two, tmp_path, how, elsewhere)
    if how == "dies":
        assert code == -signal.SIGKILL
    else:
        assert "InputError" in err
        assert "last.ckpt: cannot be written, the file is larger than is allowed there; make room" in err
        assert f"resume={tmp_path}" in err
    path = tmp_path / "checkpoints" / "last.ckpt"
    assert read_checkpoint(path)["global_step"] == 1
    AtomicCheckpointIO().save_checkpoint(STATE, path)
    assert list(path.parent.iterdir()) == [path], "what the dead writer left is still there"


def test_the_old_checkpoint_is_never_written_over(tmp_path, elsewhere):
    code, err = run_one(write_two, tmp_path, "lives", elsewhere)
    assert code == 0, err
    assert read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 2


def callback(folder, score=None):
    created = BestCheckpoint(folder, "val/ndcg@10")
    if score is not None:
        path = str(created.path)
        created.best_model_path = created.kth_best_model_path = path
        created.best_k_models = {path: torch.tensor(score)}
        created.best_model_score = created.kth_value = torch.tensor(score)
    return created


def test_the_best_value_goes_along_to_another_folder(tmp_path):
    state = callback(tmp_path / "old", 0.5787).state_dict()
    assert str(tmp_path) not in str(state)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "best.ckpt").touch()
    moved = callback(tmp_path / "new")
    moved.load_state_dict(state)
    assert moved.best_model_score == torch.tensor(0.5787)
    assert moved.best_model_path == str(tmp_path / "new" / "best.ckpt")
    assert moved.best_k_models == {moved.best_model_path: torch.tensor(0.5787)}
    assert moved.state_dict() == state


def test_lightnings_own_state_is_read_without_its_paths(tmp_path):
    old = {
        "monitor": "val/ndcg@10",
        "best_model_score": torch.tensor(0.25),
        "best_model_path": "/old/best.ckpt",
        "dirpath": "/old",
        "best_k_models": {"/old/best.ckpt": torch.tensor(0.25)},
        "kth_best_model_path": "/old/best.ckpt",
        "kth_value": torch.tensor(0.25),
        "last_model_path": "",
    }
    (tmp_path / "best.ckpt").touch()
    created = callback(tmp_path)
    assert created.state_key.startswith("ModelCheckpoint{")
    created.load_state_dict(old)
    assert created.best_model_path == str(tmp_path / "best.ckpt")
    assert created.kth_value == 0.25


def test_a_best_checkpoint_that_is_missing_is_not_replaced_by_a_worse_one(tmp_path):
    state = callback(tmp_path / "old", 0.5).state_dict()
    with pytest.raises(InputError, match=r"best\.ckpt: is missing"):
        callback(tmp_path / "new").load_state_dict(state)
