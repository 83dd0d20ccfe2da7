"""The Dockerfile of `keyart serve` names files, options, extras and routes that exist."""

import json
import re
import tomllib
from pathlib import Path

import typer

from keyart.cli.app import app as cli
from keyart.web.app import create_app
from keyart.web.library import Library

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
STEPS = [line.split(" ", 1) for line in LINES if line and not line.startswith("#")]


def steps(kind):
    return [rest for name, rest in STEPS if name == kind]


def test_copied_files_exist_and_the_build_finds_what_it_reads():
    copied = [name for rest in steps("COPY") for name in rest.split()[:-1]]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["force-include"], *wheel["packages"], project["project"]["readme"], "LICENSE", "pyproject.toml"]
    assert {name.split("/")[0] for name in needed} == set(copied)
    extras = re.findall(r"'\.\[(.+?)\]'", " ".join(steps("RUN")))
    assert extras == ["serve"]
    assert set(extras) <= set(project["project"]["optional-dependencies"])


def test_options_and_port_are_those_of_the_command():
    [entry] = map(json.loads, steps("ENTRYPOINT"))
    assert entry[:2] == ["keyart", "serve"]
    command = typer.main.get_command(cli).commands["serve"]
    known = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    assert {word for word in entry if word.startswith("--")} <= known
    port = entry[entry.index("--port") + 1]
    assert steps("EXPOSE") == [port]
    [check] = steps("HEALTHCHECK")
    assert f"http://127.0.0.1:{port}/health" in check
    assert json.loads(check.removeprefix("CMD "))[:2] == ["python", "-c"]


def test_the_health_route_answers_without_a_token():
    from starlette.testclient import TestClient

    app = create_app(Library([]), "t" * 20, ["testserver"])
    answer = TestClient(app).get("/health")
    assert (answer.status_code, answer.text) == (200, "ok")


def test_the_server_does_not_run_as_root():
    [user] = steps("USER")
    assert user != "root"
    assert f"useradd --create-home {user}" in " ".join(steps("RUN"))
    assert STEPS.index(["USER", user]) < [name for name, _ in STEPS].index("ENTRYPOINT")
