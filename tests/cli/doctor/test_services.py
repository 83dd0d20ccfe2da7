"""Tests of the doctor's findings on the model hub, W&B and SLURM, and of its command."""

import io
import json

import pytest
from rich.console import Console

from keyart.cli import doctor
from keyart.cli.commands.check import CachePart
from keyart.cli.doctor.caches import PARTS
from keyart.cli.doctor.diagnosis import diagnose
from keyart.cli.doctor.finding import Finding, healthy
from keyart.cli.doctor.services import hub_finding, slurm_finding, wandb_finding
from keyart.cli.doctor.table import print_findings


def reached(url, timeout):
    assert timeout <= 3


def refused(url, timeout):
    return "refused"


def unasked(url, timeout):
    raise AssertionError("no server should be asked")


def test_the_hub_is_reported_with_what_it_gave(tmp_path):
    weights = tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "blobs"
    weights.mkdir(parents=True)
    (weights / "x").write_bytes(b"w" * 4096)
    finding = hub_finding({"HF_HOME": str(tmp_path)}, reached)
    assert finding.state == "ok"
    assert finding.values["models"] == ["timm/resnet18.a1_in1k"]
    assert "https://huggingface.co answers; 1 model(s)" in finding.detail
    assert hub_finding({"HF_HUB_CACHE": str(tmp_path / "hub")}, reached).values["models"]
    assert hub_finding({"HF_HUB_CACHE": str(tmp_path)}, reached).values["models"] == []


def test_a_hub_that_cannot_be_reached_is_no_fault(tmp_path):
    finding = hub_finding({"HF_HOME": str(tmp_path), "HF_ENDPOINT": "https://mirror.example.org/"}, refused)
    assert (finding.state, finding.broken) == ("absent", False)
    assert "https://mirror.example.org cannot be reached (refused)" in finding.detail
    assert "model.weights=<file>" in finding.fix
    assert "efficientnet_lite0" in finding.fix


def test_a_hub_that_is_switched_off_is_not_asked(tmp_path):
    finding = hub_finding({"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}, unasked)
    assert finding.state == "absent"
    assert "HF_HUB_OFFLINE" in finding.fix


@pytest.mark.parametrize(
    ("environ", "version", "reach", "state", "message", "fix"),
    [
        ({}, None, unasked, "absent", "not installed", ".[wandb]"),
        ({}, "0.31", unasked, "ok", "not logged in", "wandb login"),
        ({"WANDB_MODE": "offline", "WANDB_API_KEY": "k"}, "0.31", unasked, "ok", "set to offline", "wandb online"),
        ({"WANDB_API_KEY": "k"}, "0.31", refused, "ok", "cannot be reached (refused)", "wandb sync"),
        ({"WANDB_API_KEY": "k"}, "0.31", reached, "ok", "logged in to https://api.wandb.ai by WANDB_API_KEY", ""),
    ],
)
def test_wandb_is_reported_with_where_its_runs_go(tmp_path, environ, version, reach, state, message, fix):
    finding = wandb_finding({"HOME": str(tmp_path), **environ}, lambda package: version, reach, tmp_path)
    assert finding.state == state
    assert message in finding.detail
    assert fix in finding.fix
    assert not finding.broken


@pytest.fixture
def sbatch(tmp_path):
    def make(script):
        (tmp_path / "sbatch").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "sbatch").chmod(0o755)
        return str(tmp_path)

    return make


@pytest.mark.parametrize(
    ("script", "launcher", "state", "message", "fix"),
    [
        ("echo slurm 23.11.4", "1.2.0", "ok", "slurm 23.11.4", ""),
        ("echo slurm 23.11.4", None, "ok", "without hydra-submitit-launcher", ".[slurm]"),
        ("echo no slurm.conf >&2; exit 1", "1.2.0", "fault", "no slurm.conf", "cluster"),
        ("sleep 60", "1.2.0", "fault", "timed out", "cluster"),
    ],
)
def test_slurm_is_reported_by_its_own_words(sbatch, script, launcher, state, message, fix):
    finding = slurm_finding(lambda package: launcher, sbatch(script))
    assert finding.state == state
    assert message in finding.detail
    assert fix in finding.fix
    assert not finding.broken


def test_no_slurm_is_no_fault(tmp_path):
    assert slurm_finding(lambda package: None, str(tmp_path)).state == "absent"


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Prevent requests to the model hub and to W&B."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("KEYART_CACHE", str(tmp_path / "cache"))


def test_this_machine_is_examined_whole(alone, keyart):
    code, out, err = keyart("doctor", "--json")
    record = json.loads(out)
    assert (code, err, record["healthy"]) == (0, "", True)
    names = [finding["name"] for finding in record["findings"]]
    assert len(names) == len(set(names))
    for name in (
        "Python",
        "keyart",
        "torch",
        "CPU",
        "GPU",
        "bfloat16",
        "FAISS",
        "cache: demo",
        "model hub",
        "W&B",
        "SLURM",
    ):
        assert name in names
    assert all("\n" not in finding["detail"] + finding["fix"] for finding in record["findings"])
    assert all(finding["fix"] for finding in record["findings"] if finding["state"] == "fault")


BROKEN = [
    Finding("FAISS", "fault", "aborts [here]", "run pip install faiss-cpu", required=True),
    Finding("SLURM", "absent", "there is no sbatch here"),
]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_exit_code_is_1_when_something_needed_is_broken(keyart, monkeypatch, form):
    monkeypatch.setattr(doctor, "diagnose", lambda: BROKEN)
    code, out, _ = keyart("doctor", *form)
    assert code == 1
    assert "aborts [here]" in out
    assert "run pip install faiss-cpu" in out
    monkeypatch.setattr(doctor, "diagnose", lambda: BROKEN[1:])
    assert keyart("doctor", *form)[0] == 0


def test_the_table_says_what_is_broken():
    console = Console(width=60, record=True, file=io.StringIO())
    print_findings(BROKEN, console)
    text = console.export_text()
    assert "fault   FAISS  aborts [here]" in text
    assert "→ run pip install faiss-cpu" in text
    assert text.rstrip().endswith("keyart will not work until this is fixed: FAISS.")


def test_the_command_clears_the_cache(keyart, tmp_path, monkeypatch):
    monkeypatch.setenv("KEYART_CACHE", str(tmp_path / "cache"))
    assert [part.value for part in CachePart] == [*PARTS, "all"]
    for part in PARTS:
        (tmp_path / "cache" / part).mkdir(parents=True)
        (tmp_path / "cache" / part / "x").write_bytes(b"x" * 5000)
    assert keyart("doctor", "--clear-cache", "demo")[1] == "demo: 4.9 KiB freed\n"
    code, out, _ = keyart("doctor", "--clear-cache", "all", "--json")
    assert code == 0
    assert json.loads(out) == {"cleared": dict.fromkeys(PARTS, 5000) | {"demo": 0}}
    code, _, err = keyart("doctor", "--clear-cache", "everything")
    assert code == 2
    assert "features" in err


def test_a_question_that_takes_long_holds_up_no_other(alone, monkeypatch):
    import threading

    meet = threading.Barrier(2, timeout=30)

    def slow(*args):
        meet.wait()
        return Finding("slow", "ok", "")

    monkeypatch.setattr("keyart.cli.doctor.diagnosis.hub_finding", slow)
    monkeypatch.setattr("keyart.cli.doctor.diagnosis.slurm_finding", slow)
    assert healthy(diagnose())
