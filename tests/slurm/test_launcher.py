"""What the launcher submits, without a SLURM."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
from hydra_plugins.keyart_slurm.launcher import SweepLauncher


def test_only_jobs_that_have_not_ended_are_submitted_under_their_own_numbers(tmp_path, monkeypatch, caplog):
    submitted = []

    def map_array(launcher, *columns):
        submitted.extend(columns[2])
        return [SimpleNamespace(job_id=f"7_{at}") for at in range(len(columns[0]))]

    monkeypatch.setattr("keyart.launch.slurm.submit.make_executor", lambda _: SimpleNamespace(map_array=map_array))
    monkeypatch.setattr("keyart.launch.slurm.watch.wait_for_jobs", lambda jobs: [job.job_id for job in jobs])
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "metrics.json").write_text('{"val/ndcg@10": 0.5}')
    (tmp_path / "2").mkdir()
    launcher = SweepLauncher.__new__(SweepLauncher)
    launcher.params = {}
    sweep = {"dir": str(tmp_path), "subdir": "${hydra.job.num}"}
    launcher.config = OmegaConf.create({"monitor": "val/ndcg@10", "hydra": {"sweep": sweep, "job": {}}})
    loader = SimpleNamespace(load_sweep_config=lambda config, overrides: config.copy())
    launcher.hydra_context = SimpleNamespace(config_loader=loader)
    with caplog.at_level("INFO"):
        first, done, last = launcher.launch([["a=1"], ["a=2"], ["a=3"]], 0)
    assert (first, done.return_value, last) == ("7_0", 0.5, "7_1")
    assert submitted == [0, 2]
    assert f"{tmp_path}: submitted as job 7" in caplog.text
    assert "#2, `scancel 7_1` ends it alone: a=3" in caplog.text
