"""Tests of paths on the command line, with any characters."""

import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from keyart.config import preflight
from keyart.config.compose import compose_plain
from keyart.config.quoting import quote, quote_paths, shell_quoted
from keyart.config.sweep_grid import parse
from keyart.errors import InputError
from keyart.runs.sweep.state import Plan
from keyart.utils.paths import PATH_KEYS

NAMES = [
    "my (posters)/a=b,#1.csv",
    "it's here",
    'say "so"',
    'it\'s "both"',
    "plakate für später",
    "映画",
    "a, b",
    "[x] {y}",
    "posters(1)",
    "a;b & c!",
    "2024",
    "1e3",
    "true",
    "back\\slash",
    "tilde~1",
    "50% off",
    "a:b",
]


def refusal(arguments):
    with pytest.raises(InputError) as caught:
        preflight(arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12))
@settings(max_examples=150, deadline=None)
def test_what_is_quoted_is_read_back(text):
    (one,) = parse([f"data.catalogue={quote(text)}"])
    assert one.value() == text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("multirun", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_paths_that_exist_reach_the_configuration_as_they_were_typed(name, multirun, relative, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(name) if relative else tmp_path / name
    path.mkdir(parents=True)
    given = quote_paths([f"data.images={path}", "data=posters"], multirun=multirun)
    assert str(compose_plain(given)["data"]["images"]) == str(path)


@pytest.mark.parametrize("key", [*PATH_KEYS, "+data.catalogue", "++data.images"])
@pytest.mark.parametrize("written", ["~/x y/a.csv", "'~/x y/a.csv'", '"~/x y/a.csv"'])
def test_home_is_expanded(key, written, monkeypatch):
    monkeypatch.setenv("HOME", "/home/mia o'hara")
    (override,) = quote_paths([f"{key}={written}"], multirun=False)
    (one,) = parse([override])
    assert one.value() == "/home/mia o'hara/x y/a.csv"
    assert override.startswith(f"{key}=")


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
def test_home_is_expanded_in_hydras_folders(key, monkeypatch):
    monkeypatch.setenv("HOME", "/home/mia")
    (override,) = quote_paths([f"{key}=~/x"], multirun=False)
    assert parse([override])[0].value() == "/home/mia/x"


def test_home_of_a_configuration_file_is_expanded(tmp_path, monkeypatch):
    from keyart.config.rules import check_data

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").touch()
    check_data({"name": "x", "catalogue": "~/a.csv", "images": "~", "split": {"val": 0.1, "test": 0.1}})


@pytest.mark.parametrize(
    "override",
    [
        "data.catalogue=/tmp/a b.csv",
        "data.images=null",
        "data.catalogue=choice(a.csv,b.csv)",
        "data.catalogue=glob(*)",
        "hydra.run.dir=out/${name}/${now:%Y}",
        "data.catalogue='/tmp/(x)'",
        "model.weights=none,pretrained",
        "loss.margin=36,40",
    ],
)
def test_what_hydra_reads_as_it_stands_stays(override):
    assert quote_paths([override], multirun=True) == [override]


def test_several_paths_are_swept(tmp_path):
    for name in ("it's.csv", "b c.csv"):
        (tmp_path / name).touch()
    (override,) = quote_paths([f"data.catalogue={tmp_path}/it's.csv,{tmp_path}/b c.csv"], multirun=True)
    (one,) = parse([override])
    assert [value.text for value in one.sweep_iterator()] == [f"{tmp_path}/it's.csv", f"{tmp_path}/b c.csv"]


@pytest.mark.parametrize("arguments", [[], ["-m"]])
def test_an_unclear_comma_is_refused_with_the_form_to_type(arguments):
    summary = refusal([*arguments, "data=posters", "data.catalogue=/no/it's,b.csv"])
    assert summary.startswith("data.catalogue=/no/it's,b.csv: ")
    assert shell_quoted("data.catalogue", "/no/it's,b.csv") in summary


@pytest.mark.parametrize("override", ["name=it's", "name=a#b", "+name=x(", "logger.project=ü"])
def test_other_values_are_refused_with_the_form_to_type(override):
    summary = refusal([override])
    key, _, value = override.partition("=")
    form = summary.partition("quote its value, ")[2]
    (typed,) = shlex.split(form)
    assert typed.startswith(f"{key}=")
    assert parse([typed])[0].value() == value


def test_one_value_with_a_comma_is_reported_how_to_be_quoted():
    summary = refusal(["name=a,b"])
    assert "-m" in summary
    assert shlex.split(summary)[-1] == "name='a,b'"


@pytest.mark.parametrize("name", NAMES)
def test_runs_and_sweeps_are_resumed_wherever_they_lie(name, tmp_path):
    run = tmp_path / name
    for part in (".hydra", "checkpoints"):
        (run / part).mkdir(parents=True)
    (run / ".hydra" / "overrides.yaml").write_text("- seed=3\n")
    (run / "checkpoints" / "last.ckpt").touch()
    (run / "config.yaml").write_text(yaml.safe_dump(compose_plain(["seed=3"])))
    arguments = preflight([f"resume={run}"])
    assert {o.key_or_group: o.value() for o in parse(arguments)} == {
        "seed": 3,
        "resume": str(run),
        "hydra.run.dir": str(run),
        "hydra.mode": "RUN",
    }
    Plan(("seed=0,1",), (), ("seed",), None).write(sweep := tmp_path / "sweep" / name)
    assert parse(preflight([f"resume_sweep={sweep}"])[2:])[0].value() == str(sweep)


def test_resumed_from_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Plan(("seed=0,1",), (), ("seed",), None).write(tmp_path / "s")
    assert preflight(["resume_sweep=~/s"])[-1] == f"hydra.sweep.dir='{tmp_path / 's'}'"
