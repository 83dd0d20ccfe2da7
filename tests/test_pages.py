"""Every command in the README and the docs composes or parses; what does not run is listed with the reason."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from keyart.cli import app as cli
from keyart.config.preflight import compose_plain, expand
from keyart.config.rules import check_config
from keyart.config.shorthand import expand_shorthand
from keyart.config.tables import with_tables

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *(path for path in sorted((ROOT / "docs").rglob("*.md")) if "generated" not in path.parts)]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
NOT_RUN = {
    "make": "sets up an environment and runs this very suite, or the demo",
    "git": "fetches a clone",
    "pip": "installs",
    "ls": "lists a folder",
    ".": "enters the environment",
    "python benchmarks": "takes long; each has its own figures",
    "python -m": "compared word for word below",
    "python -c 'import fiftyone": "FiftyOne; tests/runs/test_export_posters.py opens the dataset where it is installed",
    "python train.py --help": "tested with the configuration",
    "python train.py -m": "several trainings; each job of the grid is composed here",
    "python train.py resume=": "needs an interrupted run; tested end to end",
    "python train.py resume_sweep=": "needs a sweep; tested end to end",
    "python train.py trainer=ddp": "a whole training; tested on small posters",
    "python train.py model=": "a whole training; tested end to end on small posters",
    "python train.py data=posters": "needs posters of one's own; tested end to end on small posters",
    "python train.py experiment=": "a whole training; composed here",
    "python train.py logger=": "a whole training; tested with W&B offline",
    "python train.py loss=": "a whole training; each loss is tested by itself",
    "keyart": "needs a finished run; parsed here",
}
#: Words of commands, and the package of an extra that their composition needs.
NEEDS = {
    "pml": "pytorch_metric_learning",
    "wandb": "wandb",
    "tensorboard": "tensorboard",
    "slurm": "submitit",
    "margin_sweep": "optuna",
}


def commands():
    for language, block in re.findall(r"^```(\S*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
        for line in block.splitlines() if not language else ():
            line = re.sub(r"^([A-Z_]+=\S+ )+", "", line.split(" #")[0].strip())
            if re.match(r"(python|keyart|make|pip|git|\. )", line):
                yield line


COMMANDS = sorted(set(commands()))
#: Those in the middle of a sentence, which may leave values out.
INLINE = sorted(
    {
        " ".join(found.split())
        for found in re.findall(r"`(keyart [^`]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
    }
)


def test_the_readme_is_a_front_page():
    assert README.stat().st_size <= 8_000


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path = link.partition("#")[0]
        if not re.match(r"\w+:", link) and path and "generated/" not in path:
            assert (page.parent / path).exists(), link


def test_there_are_commands():
    assert "python train.py" in COMMANDS
    assert any(command.startswith("keyart evaluate") for command in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python train.py") and "--help" not in c])
def test_trainings_compose(command, poster_folder):
    for word, package in NEEDS.items():
        if word in command:
            pytest.importorskip(package)
    arguments = shlex.split(command)[2:]
    multirun = "-m" in arguments
    overrides = [a for a in arguments if a != "-m" and not a.startswith(("resume=", "resume_sweep="))]
    overrides = [a.replace("=posters.csv", f"={poster_folder}/catalogue.csv") for a in overrides]
    overrides = [a.replace("images=posters", f"images={poster_folder}/posters") for a in overrides]
    overrides = [a.replace("teacher=outputs/best", "teacher=null") for a in expand_shorthand(overrides)]
    for job in expand(overrides) if multirun else [overrides]:
        check_config(compose_plain(job))


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("keyart ")])
def test_console_commands_parse(command):
    _, name, *arguments = shlex.split(command)
    group = typer.main.get_command(cli.app)
    if name.startswith("--"):
        assert name in {option for parameter in group.params for option in parameter.opts}
        return
    assert name in group.commands
    group.commands[name].make_context(name, arguments)


@pytest.mark.parametrize("command", INLINE)
def test_console_commands_in_sentences_name_options_that_exist(command):
    _, name, *arguments = command.split()
    group = typer.main.get_command(cli.app)
    known = group if name.startswith("-") else group.commands[name]
    options = {option for parameter in known.params for option in parameter.opts} | {"--help"}
    # Hydra parses those of `keyart train`.
    assert name == "train" or {word for word in [name, *arguments] if word.startswith("-")} <= options


@pytest.mark.parametrize("command", COMMANDS)
def test_what_does_not_run_has_a_reason(command):
    assert command == "python train.py" or any(command.startswith(start) for start in NOT_RUN)


def test_every_experiment_is_reported_and_is_there():
    summary = set(re.findall(r"experiment=(\w+)", TEXT))
    there = {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert summary <= there


def test_the_tables_are_those_that_make_tables_writes():
    for name, heading in (("losses", "| loss |"), ("find", "| `--engine` |")):
        page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        assert with_tables(page) == page
        line = next(line for line in page.splitlines() if line.startswith(heading))
        assert with_tables(f"{line}\n| old |\n\nmore\n").count("\n") > 5
