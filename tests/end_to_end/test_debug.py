"""The presets of `debug=`: each runs on demo posters, ends with the run's folder, and does what it is for."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from keyart.config.shorthand import options_of
from keyart.utils.checkpoint_files import read_checkpoint

pytest.importorskip("keyart_demo")

SMALL = ["data.image_size=[64,64]", "trainer=cpu"]


@pytest.fixture
def debug(train_here):
    def call(preset, *more):
        code, out, err = train_here(f"debug={preset}", *SMALL, *more)
        assert code == 0, err
        folder = Path(out.splitlines()[-1])
        assert folder.parent.name == "debug"
        assert (folder / "metrics.json").is_file()
        return folder

    return call


def losses(folder):
    return pd.read_csv(folder / "metrics.csv")["train/loss"].dropna()


def test_there_is_a_test_of_each():
    assert options_of("debug") == ["fdr", "limit", "overfit", "profiler"]


def test_fdr_makes_one_step(debug):
    folder = debug("fdr")
    assert yaml.safe_load((folder / "config.yaml").read_text())["trainer"]["fast_dev_run"] is True
    assert read_checkpoint(folder / "checkpoints" / "last.ckpt")["global_step"] == 1


def test_limit_makes_three_steps_an_epoch_in_both_phases(debug):
    folder = debug("limit", "callbacks.report=false")
    assert list(pd.read_csv(folder / "metrics.csv")["epoch"].dropna().unique()) == [0, 1]
    assert "limit_train_batches: 3" in (folder / "config.yaml").read_text()


def test_overfit_sees_the_same_batch_until_its_loss_is_low(debug):
    found = losses(debug("overfit"))
    assert len(found) == 60
    assert found.iloc[-1] < 0.2 * found.iloc[0]


def test_profiler_writes_its_times(debug):
    (profile,) = (debug("profiler") / "profile").iterdir()
    assert "optimizer_step" in profile.read_text()
