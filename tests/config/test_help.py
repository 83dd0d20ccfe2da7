"""Tests of `train.py --help`: it explains every key and experiment, and imports no slow packages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from keyart.config.compose import CONFIG_FOLDER
from keyart.config.help import head_comment, help_text, key_comments
from keyart.config.shorthand import options_of

ROOT = Path(__file__).resolve().parents[2]
ALL = [
    ["loss=sum", "sampler=pk", "miner=hard", "logger=[wandb,mlflow,tensorboard]", "data=posters"],
    ["loss=listwise", "sampler=class_balanced", "miner=distance_weighted"],
    ["experiment=head", "loss=multi_similarity"],
]


def comments_of(text):
    """Return the lines of a help text with a key, as (key, comment)."""
    return [(m[1], m[2] or "") for m in re.finditer(r"^ *(\w+):(?: [^#\n]*?)?(?: +# (.*))?$", text, re.MULTILINE)]


@pytest.mark.parametrize("chosen", [[], *ALL], ids=" ".join)
def test_each_comment_of_the_files_stands_beside_its_key(chosen):
    shown = comments_of(help_text(chosen))
    files = [("", CONFIG_FOLDER / "train.yaml")]
    for override in chosen:
        group, _, names = override.partition("=")
        for name in names.strip("[]").split(","):
            files.append((group, CONFIG_FOLDER / group / f"{name}.yaml"))
    for group, file in files:
        for key, comment in key_comments(file, group):
            if not {"hydra", "about", "build", "needs", "_partial_"}.intersection(key.split(".")):
                assert (key.rpartition(".")[2], comment) in shown, f"{file.name}: {key}"


def test_every_experiment_and_every_option_is_there():
    text = " ".join(help_text().split())
    for group in ("experiment", "debug"):
        for name in options_of(group):
            assert f"{name} {head_comment(CONFIG_FOLDER / group / f'{name}.yaml')}" in text
    for group in ("loss", "miner", "sampler", "model", "head", "optimizer", "scheduler", "logger", "hydra/launcher"):
        for name in options_of(group):
            assert name in text


def test_every_experiment_says_what_it_is_for():
    for name in options_of("experiment"):
        assert len(head_comment(CONFIG_FOLDER / "experiment" / f"{name}.yaml").split()) > 5


def test_values_are_those_that_would_be_used():
    text = help_text(["experiment=head", "loss.margin=40", "logger=wandb", "logger.mode=offline"])
    assert re.search(r"^  head_epochs: 8 ", text, re.MULTILINE)
    assert re.search(r"^  margin: 40 +# degrees$", text, re.MULTILINE)
    assert "csv, mlflow, tensorboard, wandb*" in text
    assert re.search(r"^    mode: offline +# auto \| online", text, re.MULTILINE)


def test_forms_of_loggers_and_of_lightnings_arguments_are_shown():
    text = help_text()
    assert "logger=[wandb,tensorboard] logger.wandb.mode=offline" in text
    assert "trainer.limit_train_batches=10" in text


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_it_is_printed_without_torch(flag):
    code = (
        "import sys; sys.argv = ['train.py', sys.argv[1]]; from keyart.cli.hydra_entry import main; main();"
        "print([name for name in ('torch', 'lightning', 'timm', 'pandas') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, flag], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
    assert done.stdout == help_text()


def test_a_key_that_does_not_exist_is_refused_beside_it():
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--help", "loss.margn=3"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean loss.margin?" in done.stderr
