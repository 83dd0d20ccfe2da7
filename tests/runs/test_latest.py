"""A folder of runs, such as outputs/head, stands for its latest run, which standard error names."""

import os
import subprocess
import sys

import pytest

from keyart.config import preflight
from keyart.errors import InputError
from keyart.runs.latest import finished_run, resumable_run
from keyart.runs.run import Run
from keyart.runs.sweep.state import Plan


def make_run(folder, *, done=True, last=True):
    (folder / ".hydra").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("[seed=1]")
    (folder / "config.yaml").write_text("seed: 1\n")
    if last:
        (folder / "checkpoints" / "last.ckpt").touch()
    if done:
        (folder / "embedder").mkdir()
        (folder / "metrics.json").write_text("{}")
    return folder


@pytest.fixture
def named(tmp_path):
    """Provide four runs of one name: two finished, then two interrupted; the last has no checkpoint yet."""
    folder = tmp_path / "outputs" / "head"
    make_run(folder / "2026-11-21_20-10-14_000009")
    make_run(folder / "2026-11-22_09-10-14_000000")
    make_run(folder / "2026-11-23_09-10-14_000000", done=False)
    make_run(folder / "2026-11-24_09-10-14_000000", done=False, last=False)
    # A copy is younger than what it was copied from.
    os.utime(folder / "2026-11-21_20-10-14_000009" / "config.yaml")
    return folder


def test_the_latest_finished_run_is_opened_and_named(named, caplog):
    assert Run.open(named).folder == named / "2026-11-22_09-10-14_000000"
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{named}: its latest finished run is used, ")


def test_it_is_named_on_standard_error(named):
    code = "import sys; from keyart.runs.run import Run; print(Run.open(sys.argv[1]).folder)"
    done = subprocess.run([sys.executable, "-c", code, named], capture_output=True, text=True, check=True)
    latest = named / "2026-11-22_09-10-14_000000"
    assert done.stdout == f"{latest}\n"
    assert done.stderr == f"{named}: its latest finished run is used, {latest}\n"


def test_a_runs_own_folder_is_itself(named, caplog):
    for run in ("2026-11-21_20-10-14_000009", "2026-11-22_09-10-14_000000"):
        assert Run.open(named / run).folder == named / run
    assert not caplog.records
    assert resumable_run(named / "2026-11-24_09-10-14_000000") == named / "2026-11-24_09-10-14_000000"


def test_names_without_a_time_go_by_when_they_were_begun(tmp_path):
    for name, when in (("b", 3000), ("a", 9000), ("c", 1000)):
        run = make_run(tmp_path / name)
        os.utime(run / "config.yaml", (when, when))
    assert finished_run(tmp_path) == tmp_path / "a"


def test_resume_takes_the_latest_that_was_interrupted(named, capsys):
    taken = named / "2026-11-23_09-10-14_000000"
    assert resumable_run(named) == taken
    (taken / "config.yaml").unlink()
    arguments = preflight([f"resume={named}"])
    assert any(f"resume='{taken}'" in one or f"resume={taken}" in one for one in arguments)
    assert f"resume={named}: its latest interrupted run is used, {taken}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("find", "message"),
    [(finished_run, "none of its 1 runs is finished"), (resumable_run, "none of its 1 runs is interrupted")],
)
def test_where_there_is_none_of_the_kind_it_is_refused(find, message, tmp_path):
    make_run(tmp_path / "a" / "x", done=False, last=False)
    with pytest.raises(InputError, match=message):
        find(tmp_path / "a")


def test_a_folder_of_names_and_a_sweep_are_refused_with_what_to_name(named, tmp_path):
    with pytest.raises(InputError, match=r"outputs: contains runs of several names; name one of .*head"):
        Run.open(named.parent)
    make_run(tmp_path / "sweep" / "0")
    Plan(("seed=0,1",), (), ("seed",), (("seed=0",), ("seed=1",))).write(tmp_path / "sweep")
    with pytest.raises(InputError, match="is the folder of a sweep; name the folder of one of its runs"):
        Run.open(tmp_path / "sweep")
    with pytest.raises(InputError, match="continue it with resume_sweep="):
        resumable_run(tmp_path / "sweep")


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "RUN"],
        ["compare", "RUN", "RUN"],
        ["search", "RUN", "a"],
        ["explain", "RUN", "a", "b", "--json"],
        ["recommend", "RUN", "--liked", "a"],
        ["evaluate-history", "RUN", "--history", "h.csv"],
        ["export", "RUN", "--to", "timm", "--out", "x"],
        ["embed", "RUN", "--catalogue", "c.csv", "--out", "x"],
        ["index", "RUN", "--out", "x"],
        ["card", "--run", "RUN", "--catalogue", "c.csv", "--out", "x"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_takes_a_run_takes_a_folder_of_runs(command, tmp_path, keyart, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "a" / "x", done=False)
    code, out, err = keyart(*("a" if word == "RUN" else word for word in command))
    assert (code, out) == (2, "")
    assert err == "keyart: a: none of its 1 runs is finished; name the folder of a run\n"
