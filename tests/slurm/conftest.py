"""Fixtures for tests on SLURM: only the cluster that `cluster.sh` started and `KEYART_SLURM` names is used."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.distributed.conftest import Training, wait_for
from tests.end_to_end.conftest import SMALL
from tests.helpers import draw_posters

#: States of jobs that have not ended.
ALIVE = ("RUNNING", "PENDING", "COMPLETING")

#: Long enough to be caught in the midst of it, a quarter of a minute alone.
LONG = [
    "training.head_epochs=60",
    "trainer.check_val_every_n_epoch=12",
    "callbacks.checkpoint.every_n_steps=10",
    "seed=0",
]


class Cluster:
    """SLURM's commands on the test cluster."""

    def __init__(self, folder: Path):
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        """Return the output of a command."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=180, env=environment, cwd="/tmp"
        ).stdout

    def jobs(self) -> dict[str, str]:
        """Return the state of each known job, by its id."""
        lines = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def ended(self, job: str) -> str:
        """Wait until a job has ended and return its state; its result may exist before SLURM reports the end."""
        return wait_for(lambda: None if (state := self.jobs()[job]) in ALIVE else state, 180)

    def fields(self, job: str) -> dict[str, str]:
        """Return the fields of a job in `scontrol show job`."""
        words = self.run("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)


@pytest.fixture(scope="session")
def cluster():
    """The test cluster."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    folder = os.environ.get("KEYART_SLURM")
    if not folder:
        pytest.skip("no SLURM for tests: tests/slurm/cluster.sh start FOLDER, then set KEYART_SLURM=FOLDER")
    found = Cluster(Path(folder))
    assert "idle" in found.run("sinfo", "--noheader", "--format=%T")
    return found


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Arguments of a small training on generated posters."""
    posters = draw_posters(tmp_path_factory.mktemp("posters"), 200)
    return [
        *SMALL,
        "miner.build._target_=tests.distributed.slow.SlowMiner",
        "callbacks.report=false",
        f"data.catalogue={posters / 'catalogue.csv'}",
        f"data.images={posters / 'posters'}",
    ]


class Sweep(Training):
    """A sweep on the cluster."""

    def __init__(self, cluster: Cluster, folder: Path, *arguments: str):
        self.cluster, self.before = cluster, set(cluster.jobs())
        self.folder = folder / "sweep"
        slurm = ["hydra/launcher=slurm", f"hydra.sweep.dir={self.folder}"]
        super().__init__(folder, "-m", *slurm, *arguments, **cluster.environment)

    def job(self, number: int = 0) -> str:
        """Return the id of one of the sweep's jobs."""
        new = wait_for(lambda: sorted(set(self.cluster.jobs()) - self.before, key=lambda job: job.split("_")))
        return new[number]

    def trains(self, number: int = 0) -> None:
        """Wait until a job of the sweep has trained some steps."""
        last = self.folder / str(number) / "checkpoints" / "last.ckpt"
        wait_for(last.is_file)

    def waited(self, seconds: float = 300) -> tuple[int, str, str]:
        """Wait for the end; return exit code, output, and errors with the jobs' own logs."""
        code, out, err = self.ended(seconds)
        logs = sorted((self.folder / ".submitit").glob("*/*_log.err"))
        return code, out, "\n".join([err, *(log.read_text() for log in logs)])


@pytest.fixture
def sweep(cluster, tmp_path):
    """Start a sweep on the cluster; its remaining jobs are cancelled at the end."""
    begun, before = [], set(cluster.jobs())

    def begin(*arguments):
        begun.append(Sweep(cluster, tmp_path, *arguments))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.wait()

    def alive():
        states = cluster.jobs()
        return [job for job in set(states) - before if states[job] in ALIVE]

    if left := alive():
        cluster.run("scancel", *left)
    wait_for(lambda: not alive(), 180)
