"""The built wheel in an environment without the clone: `keyart train` finds its configuration and trains."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, SMALL
from tests.helpers import draw_posters

pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A virtual environment with the wheel, the dependencies taken from this one: the path of its ``keyart``."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    own = sysconfig.get_path("purelib", vars={"base": str(folder / "env")})
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", own]
    subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True, timeout=120)
    # A directory in a .pth file is added to the path, but the .pth files in it are not read: not the clone's.
    others = [path for path in sys.path if path.endswith("site-packages")]
    Path(own, "dependencies.pth").write_text("\n".join(others) + "\n")
    return [str(folder / "env" / "bin" / "python"), "-P", "-m", "keyart"]


def run(installed, folder, *arguments, seconds=300):
    about = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*installed, *arguments], cwd=folder, env=about, capture_output=True, text=True, timeout=seconds
    )


def test_it_is_the_wheel_that_runs(installed, tmp_path):
    code = "import keyart.cli.app; print(keyart.cli.app.__file__)"
    done = subprocess.run([installed[0], "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(ROOT) not in done.stdout
    assert not (Path(done.stdout.strip()).parents[1] / "tests").exists()


@pytest.mark.slow
def test_a_run_and_a_sweep_in_an_empty_folder(installed, tmp_path):
    posters = draw_posters(tmp_path / "made", 60)
    data = [f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]
    quick = [*SMALL, *data, "model.backbone=resnet10t", "model.weights=none", "callbacks.report=false"]
    quick += ["training.head_epochs=1", "sampler.batch_size=16"]
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run(installed, empty, "train", *quick)
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.splitlines()[-1]) / "metrics.json").is_file()
    sweep = run(installed, empty, "train", "-m", "loss.margin=40,45", *quick)
    assert sweep.returncode == 0, sweep.stderr
    assert (Path(sweep.stdout.splitlines()[-1]) / "sweep.csv").is_file()
    refused = run(installed, empty, "train", "seed=x")
    assert (refused.returncode, refused.stdout) == (2, "")
