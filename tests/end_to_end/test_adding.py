"""CONTRIBUTING's steps: its blocks, put into a copy of the code as they are, add one of each kind.

Another package adds a loss by a YAML in a folder of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from tests.end_to_end.conftest import ROOT, SMALL
from tests.helpers import draw_posters

BLOCK = re.compile(r"^ *```(python|yaml|diff)\n *# (\S+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
#: What each block adds, and how a run chooses it.
CHOICES = {
    "src/keyart/losses/hinge.py": "loss=hinge",
    "conf/loss/hinge.yaml": "loss=hinge",
    "src/keyart/losses/miners/near.py": "miner=near",
    "conf/miner/near.yaml": "miner=near",
    "src/keyart/images/samplers/reversed.py": "sampler=reversed",
    "conf/sampler/reversed.yaml": "sampler=reversed",
    "conf/model/tiny.yaml": "model=tiny",
    "src/keyart/models/poolings/maximum.py": "model.pooling=max",
    "src/keyart/models/poolings/registry.py": "model.pooling=max",
    "src/keyart/models/heads/plain.py": "model.head=plain",
    "src/keyart/models/heads/registry.py": "model.head=plain",
    "src/keyart/metrics/hit_count.py": "evaluation.metrics=[hits@5]",
    "src/keyart/metrics/registry.py": "evaluation.metrics=[hits@5]",
    "conf/logger/plain.yaml": "logger=plain",
}
TRAINING = [
    *(choice for choice in SMALL if not choice.startswith("model.hidden_size")),
    "model.weights=none",
    "training.head_epochs=1",
    "training.finetune_epochs=1",
    "callbacks.report=false",
]
COMMANDS = """
import json, sys
from keyart.cli.app import main
for command in json.loads(sys.argv[1]):
    sys.argv = ["keyart", *command]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    print("---")
"""
MONITOR = "monitor=val/hits@5"


def blocks():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [(kind, path, dedent(body)) for kind, path, body in BLOCK.findall(text)]


def add(clone, kind, path, body):
    file = clone / path
    if kind != "diff":
        assert not file.exists()
        file.write_text(body, encoding="utf-8")
        return
    context, *new = body.splitlines()
    assert all(line.startswith("+") for line in new)
    lines = file.read_text(encoding="utf-8").splitlines()
    at = lines.index(context[1:]) + 1
    file.write_text("\n".join([*lines[:at], *(line[1:] for line in new), *lines[at:]]) + "\n", encoding="utf-8")


class Clone:
    """A copy of the code, and commands that run it in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "conf"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "docs").mkdir()
        for name in ("train.py", "docs/losses.md", "docs/find.md"):
            shutil.copy(ROOT / name, folder / name)

    def run(self, *arguments, path=""):
        environment = {**os.environ, "PYTHONPATH": f"{self.folder / 'src'}{os.pathsep}{path}"}
        return subprocess.run(
            [sys.executable, *map(str, arguments)], cwd=self.folder, env=environment, capture_output=True, text=True
        )

    def out(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keyart(self, *commands):
        """What several commands print as JSON, one after another in one process."""
        done = self.out("-c", COMMANDS, json.dumps([[*map(str, command), "--json"] for command in commands]))
        return [json.loads(printed) for printed in done.split("---\n")[:-1]]


@pytest.fixture(scope="module")
def posters(tmp_path_factory):
    folder = draw_posters(tmp_path_factory.mktemp("posters"), 60)
    return [f"data.catalogue={folder / 'catalogue.csv'}", f"data.images={folder / 'posters'}"]


@pytest.mark.slow
def test_the_blocks_of_contributing_add_one_of_each(tmp_path, posters):
    clone = Clone(tmp_path / "clone")
    for block in blocks():
        add(clone.folder, *block)
    run = Path(clone.out("train.py", *TRAINING, MONITOR, *dict.fromkeys(CHOICES.values()), *posters).splitlines()[-1])
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["loss"]["name"], config["miner"]["name"], config["sampler"]["name"]) == ("hinge", "near", "reversed")
    record = json.loads((run / "embedder" / "embedder.json").read_text())
    assert (record["backbone"]["name"], record["backbone"]["pooling"]) == ("test_efficientnet.r160_in1k", "max")
    assert record["head"]["kind"] == "plain"
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 < metrics["test/hits@5/chance"] < 5
    assert 0 <= metrics["test/hits@5"] <= 5
    assert list((run / "plain").rglob("metrics.csv"))
    index = tmp_path / "i"
    size, built, found = clone.keyart(
        ["size", run],
        ["index", run, "--engine", "half", "--out", index],
        ["search", run, "p0003", "--index", index, "-k", "4"],
    )
    assert size == {"embedding_size": 16}
    assert built["engine"] == json.loads((index / "index.json").read_text())["engine"] == "half"
    assert built["recall@10"] == 1.0
    assert len(found["neighbours"]) == 4
    pages = [clone.folder / "docs" / name for name in ("losses.md", "find.md")]
    clone.out("-m", "keyart.config.tables", *pages)
    assert "| [`hinge`](generated/loss-hinge.md) | cosine similarity | 0.1 | -1 to 1 | nobody |" in pages[0].read_text()
    assert "| `half` | scores every poster in half precision | – |" in pages[1].read_text()


def test_every_block_is_chosen_above():
    others = {"src/keyart/retrieval/engines/half.py", "src/keyart/retrieval/engines/registry.py"}
    others |= {"src/keyart/cli/commands/size.py", "src/keyart/cli/commands/__init__.py"}
    assert sorted(path for _, path, _ in blocks()) == sorted({*CHOICES, *others})


@pytest.mark.slow
@pytest.mark.parametrize("path", ["conf/loss/hinge.yaml", "src/keyart/models/heads/registry.py"])
def test_a_step_that_is_left_out_is_missed(path, tmp_path, posters):
    clone = Clone(tmp_path / "clone")
    for block in blocks():
        if block[1] != path:
            add(clone.folder, *block)
    done = clone.run("train.py", *TRAINING, MONITOR, *dict.fromkeys(CHOICES.values()), *posters)
    assert done.returncode == 2
    assert re.search(rf"{re.escape(CHOICES[path])}: .* one of ", done.stderr)


def test_another_package_adds_a_loss_that_is_checked(tmp_path, posters, train_here, monkeypatch):
    source = (ROOT / "conf" / "loss" / "triplet.yaml").read_text()
    loss = source.replace("name: triplet", "name: mine").replace("keyart.losses.triplet", "mine_losses.mine")
    folder = tmp_path / "mine"
    (folder / "conf" / "loss").mkdir(parents=True)
    (folder / "conf" / "loss" / "mine.yaml").write_text(loss)
    (folder / "mine_losses").mkdir()
    (folder / "mine_losses" / "mine.py").write_text(
        "from keyart.losses import TripletLoss as Base\n\n\nclass TripletLoss(Base):\n    name = 'mine'\n"
    )
    monkeypatch.syspath_prepend(folder)
    given = [*TRAINING, *posters, "--config-dir", str(folder / "conf"), "model.backbone=test_efficientnet", "loss=mine"]
    code, out, err = train_here(*given, "loss.margin=7")
    assert (code, out) == (2, "")
    assert "loss.margin=7: the margin of loss=mine is a number in its own unit (distance), from 0 to 2" in err
    code, out, err = train_here(*given, "loss.margin=0.4")
    assert code == 0, err
    config = yaml.safe_load((Path(out.splitlines()[-1]) / "config.yaml").read_text())
    assert (config["loss"]["name"], config["loss"]["margin"]) == ("mine", 0.4)
    (folder / "conf" / "loss" / "mine.yaml").write_text(loss.replace("  memory:", "  other:"))
    code, out, err = train_here(*given)
    assert (code, out) == (2, "")
    assert "loss.about: the YAML file of loss=mine lacks memory: true (examples;" in err
    code, _, err = train_here(*given[:-4], "--config-dir", str(tmp_path / "nowhere"), "loss=mine")
    assert code == 2
    assert f"--config-dir {tmp_path / 'nowhere'}: there is no such folder" in err
