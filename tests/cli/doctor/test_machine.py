"""Tests of the doctor's findings on Python, packages, devices and FAISS, mainly on broken ones."""

import os
import subprocess
import sys

import pytest
import torch

from keyart.cli.doctor import subprocess_probe as probe
from keyart.cli.doctor.devices import (
    bf16_finding,
    cpu_finding,
    faiss_distributions,
    faiss_finding,
    gpu_finding,
    search_finding,
    torch_finding as say_torch,
)
from keyart.cli.doctor.finding import healthy
from keyart.cli.doctor.packages import package_findings, python_finding
from keyart.cli.doctor.subprocess_probe import Answer
from keyart.models.precision import has_bf16

REQUIREMENTS = [
    "torch>=2.6",
    "numpy>=1.26",
    "faiss-cpu>=1.10",
    'tomli>=2; python_version < "3"',
    'wandb>=0.19; extra == "wandb"',
    'keyart[wandb]; extra == "dev"',
    'pytest>=8; extra == "dev"',
    'ruff>=0.12; extra == "dev"',
    'faiss-gpu>=1.10; extra == "gpu"',
]
EXTRAS = ["wandb", "dev", "gpu"]
INSTALLED = {
    "keyart": "0.1.0",
    "torch": "2.9.0",
    "numpy": "2.4.0",
    "wandb": "0.31.0",
    "pytest": "9.0",
    "ruff": "0.17",
}


def packages(**changes):
    installed = {**INSTALLED, **changes}
    return {f.name: f for f in package_findings(REQUIREMENTS, EXTRAS, installed.get)}


def test_good_packages_are_reported_together():
    findings = packages()
    assert findings["packages"].values == {"torch": "2.9.0", "numpy": "2.4.0"}
    assert {f.state for f in findings.values()} == {"ok"}
    assert set(findings) == {"keyart", "packages", "extra [wandb]", "extra [dev]"}


@pytest.mark.parametrize(("version", "state"), [(None, "absent"), ("1.13.1", "fault")])
def test_a_package_that_is_missing_or_too_old_breaks_keyart(version, state):
    findings = packages(torch=version)
    assert findings["torch"].state == state
    assert findings["torch"].fix == "run pip install 'torch>=2.6'"
    assert "torch" not in findings["packages"].values
    assert not healthy(findings.values())


@pytest.mark.parametrize(
    ("changes", "state", "message"),
    [
        ({"pytest": None, "ruff": None}, "absent", "without pytest, ruff"),
        ({"ruff": None}, "absent", "without ruff (1 of 2 are installed)"),
        ({"ruff": "0.1"}, "fault", "ruff 0.1 (needs >=0.12)"),
    ],
)
def test_an_extra_may_be_missing(changes, state, message):
    findings = packages(**changes)
    extra = findings["extra [dev]"]
    assert (extra.state, extra.detail) == (state, message)
    assert extra.fix == "run pip install -e '.[dev]'"
    assert healthy(findings.values())


def test_a_folder_that_is_not_installed_is_reported():
    [finding] = package_findings(None, [], INSTALLED.get)
    assert finding.broken
    assert "pip install -e ." in finding.fix


@pytest.mark.parametrize(("version", "state"), [("3.10.14", "fault"), ("3.11.0", "ok"), ("3.15.0rc1", "ok")])
def test_python_is_compared_with_what_keyart_states(version, state):
    finding = python_finding(version=version)
    assert finding.state == state
    assert ("3.11" in finding.fix) is (state == "fault")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import os; os.abort()", "the process was ended by SIGABRT"),
        ("raise ImportError('libcudart.so.13: cannot open')", "ImportError: libcudart.so.13: cannot open"),
        ("import time; time.sleep(60)", "no answer within 1 s"),
        ("pass", "it printed nothing"),
    ],
)
def test_a_library_that_breaks_is_reported_in_one_line(code, fault):
    assert probe.ask(code, timeout=1 if "sleep" in code else 60) == Answer(fault=fault)


def test_torch_is_reported_as_it_is():
    answer = probe.ask(probe.TORCH)
    assert say_torch(answer).values["version"] == torch.__version__
    cpu = cpu_finding(answer)
    assert cpu.values["capability"] == torch.backends.cpu.get_cpu_capability()
    assert 1 <= cpu.values["cores"] <= os.cpu_count()
    assert len(answer.values["cuda"]) == torch.cuda.device_count()
    # training chooses its precision by the same answer
    assert bf16_finding(answer).values == {"cpu": has_bf16("cpu"), "cuda": has_bf16("cuda")}


def test_a_torch_that_does_not_import_breaks_keyart():
    finding = say_torch(Answer(fault="ImportError: libtorch.so"))
    assert finding.broken
    assert "libtorch.so" in finding.detail
    assert "pip install" in finding.fix


CARD = {"name": "Card", "capability": "9.0", "total_bytes": 80 * 2**30, "free_bytes": 79 * 2**30, "works": True}


def test_gpus_are_reported_with_their_memory():
    finding = gpu_finding(Answer({"cuda": [CARD, CARD], "cuda_built_for": "13.0"}), nvidia=True)
    assert finding.state == "ok"
    assert finding.detail.count("Card (compute capability 9.0, 79.0 GiB of 80.0 GiB free)") == 2


@pytest.mark.parametrize(
    ("cuda", "built", "nvidia", "state", "fix"),
    [
        ([], "13.0", False, "absent", ""),
        ([], "13.0", True, "fault", "driver"),
        ([], None, True, "fault", "built for CUDA"),
        ([{**CARD, "works": False, "why": "no kernel image"}], "13.0", True, "fault", "trainer=cpu"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_reported_and_is_not_needed(cuda, built, nvidia, state, fix):
    finding = gpu_finding(Answer({"cuda": cuda, "cuda_built_for": built}), nvidia)
    assert finding.state == state
    assert fix in finding.fix
    assert not finding.broken


@pytest.mark.parametrize(
    ("cpu", "cuda", "devices", "state", "message"),
    [
        (True, False, [], "ok", "CPU yes"),
        (False, False, [], "absent", "CPU no"),
        (True, False, [CARD], "absent", "CPU yes, GPU no"),
        (False, True, [CARD], "ok", "CPU no, GPU yes"),
    ],
)
def test_bf16_counts_where_training_would_run(cpu, cuda, devices, state, message):
    finding = bf16_finding(Answer({"bf16_cpu": cpu, "bf16_cuda": cuda, "cuda": devices}))
    assert (finding.state, finding.detail) == (state, message)


def test_the_installed_faiss_searches():
    answer = probe.ask(probe.FAISS)
    assert answer.fault is None
    finding = faiss_finding(answer, faiss_distributions(), has_gpu=False)
    assert finding.state == "ok"
    assert answer.values["version"] in finding.detail


def fake_faiss(folder, *builds, code=""):
    (folder / "faiss").mkdir()
    (folder / "faiss" / "__init__.py").write_text(code)
    for build in builds:
        about = folder / f"{build.replace('-', '_')}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {build}\nVersion: 1.0\n")


def test_a_gpu_build_that_aborts_is_a_fault_with_its_fix(tmp_path, monkeypatch):
    fake_faiss(tmp_path, code="import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = faiss_finding(probe.ask(probe.FAISS), ["faiss-gpu-cu12"], has_gpu=True)
    assert finding.broken
    assert "SIGABRT" in finding.detail
    assert finding.fix == "run pip uninstall -y faiss-gpu-cu12; pip install faiss-cpu"


def test_two_builds_at_once_are_a_fault_even_where_they_search(tmp_path, monkeypatch):
    fake_faiss(tmp_path, "faiss-gpu")
    monkeypatch.syspath_prepend(str(tmp_path))
    builds = faiss_distributions()
    assert "faiss-gpu" in builds
    assert len(builds) == 2
    finding = faiss_finding(Answer({"version": "1.15", "gpu_build": True, "gpus": 0}), builds, has_gpu=False)
    assert finding.broken
    assert "overwrite each other" in finding.detail
    assert all(build in finding.fix for build in builds)


@pytest.mark.parametrize(
    ("values", "fault", "builds", "has_gpu", "state", "message", "fix"),
    [
        ({}, "ModuleNotFoundError", [], False, "absent", "not installed", "pip install faiss-cpu"),
        ({"gpu_build": False, "gpus": 0}, None, ["faiss-cpu"], False, "ok", "searches on the CPU", ""),
        (
            {"gpu_build": False, "gpus": 0},
            None,
            ["faiss-cpu"],
            True,
            "ok",
            "searches on the CPU",
            "uninstall -y faiss-cpu",
        ),
        ({"gpu_build": True, "gpus": 0}, None, ["faiss-gpu"], False, "ok", "built for GPUs", ""),
        ({"gpu_build": True, "gpus": 2}, None, ["faiss-gpu"], True, "ok", "searches on 2 GPU(s)", ""),
    ],
)
def test_the_kind_of_faiss(values, fault, builds, has_gpu, state, message, fix):
    finding = faiss_finding(Answer({"version": "1.15", **values} if values else {}, fault), builds, has_gpu)
    assert finding.state == state
    assert message in finding.detail
    assert fix in finding.fix
    assert (fix == "") is (finding.fix == "")


@pytest.mark.parametrize(
    ("cuda", "faiss", "where", "why"),
    [
        ([], {"gpu_build": False, "gpus": 0}, "faiss on the CPU", "neither FAISS nor torch"),
        ([{**CARD, "works": False}], {"gpu_build": True, "gpus": 0}, "faiss on the CPU", "neither FAISS nor torch"),
        ([CARD], {"gpu_build": False, "gpus": 0}, "torch on the GPU", "built for the CPU alone"),
        ([CARD], {"gpu_build": True, "gpus": 0}, "torch on the GPU", "sees none"),
        ([CARD], {"gpu_build": True, "gpus": 1}, "faiss on the GPU", "1 GPU"),
    ],
)
def test_where_exact_search_runs_and_why(cuda, faiss, where, why):
    finding = search_finding(Answer({"cuda": cuda}), Answer({"version": "1.15", **faiss}))
    assert finding.state == "ok"
    assert finding.values == {"where": where}
    assert finding.detail.startswith(f"{where}: ")
    assert why in finding.detail


def test_without_faiss_there_is_no_exact_search():
    assert search_finding(Answer({"cuda": [CARD]}), Answer(fault="ImportError")).state == "fault"


@pytest.mark.gpu
def test_the_doctor_finds_the_gpu_and_where_search_runs():
    torch_answer, faiss_answer = probe.ask(probe.TORCH), probe.ask(probe.FAISS)
    devices = gpu_finding(torch_answer, nvidia=True).values["devices"]
    assert [device["works"] for device in devices] == [True] * torch.cuda.device_count()
    assert search_finding(torch_answer, faiss_answer).values["where"] in ("faiss on the GPU", "torch on the GPU")


def test_the_doctor_itself_imports_nothing_heavy():
    heavy = ("torch", "faiss", "wandb", "pandas")
    code = f"import sys, keyart.cli.doctor; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
