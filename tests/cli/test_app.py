"""Tests of the console command: help, one-line usage errors, exit codes."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from keyart.cli.app import expand_argument
from tests.end_to_end.conftest import ROOT


def test_help_names_the_commands(keyart):
    code, out, _ = keyart("--help")
    assert code == 0
    assert "evaluate" in out
    assert "check" in out
    assert keyart()[1] == out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nosuch"], "nosuch"),
        (["evaluate"], "RUN"),
        (["evaluate", "/nowhere"], "/nowhere"),
        (["evaluate", ".", "--relevance", "no"], "jaccard"),
        (["evaluate", ".", "--other-images", "."], "--pairs"),
        (["compare"], "RUN"),
        (["compare", "/nowhere", "/nowhere"], "/nowhere"),
        (["evaluate", ".", "--images", "."], "--catalogue"),
        (["check"], "--catalogue"),
        (["check", "--catalogue", "/nowhere.csv"], "/nowhere.csv"),
        (["check", "--nosuch", "x"], "--nosuch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_bad_usage_is_one_line_and_exit_code_2(keyart, arguments, named):
    code, out, err = keyart(*arguments)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert named in err


def test_a_folder_that_is_no_run_is_reported(keyart, tmp_path):
    code, _, err = keyart("evaluate", tmp_path)
    assert code == 2
    assert str(tmp_path) in err


def test_check_reports_what_cannot_be_used(keyart, poster_folder):
    arguments = ["check", "--catalogue", poster_folder / "catalogue.csv", "--images", poster_folder / "posters"]
    code, out, _ = keyart(*arguments, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["posters"] == 24
    assert report["problems"] == []
    (poster_folder / "posters" / "p0002.jpg").write_text("no image")
    (poster_folder / "posters" / "p0005.jpg").unlink()
    Image.new("RGB", (3000, 20)).save(poster_folder / "posters" / "p0007.jpg")
    code, out, _ = keyart(*arguments, "--json")
    assert code == 1
    report = json.loads(out)
    assert report["posters"] == 21
    assert {problem["id"] for problem in report["problems"]} == {"p0002", "p0005", "p0007"}
    [strip] = [problem for problem in report["problems"] if problem["id"] == "p0007"]
    assert "3000×20" in strip["detail"]
    assert "crop" in strip["fix"]
    code, out, _ = keyart(*arguments)
    assert code == 1
    assert "p0002" in out


def test_check_fails_on_blank_and_repeated_files_and_remarks_on_the_rest(keyart, poster_folder):
    arguments = [
        "check",
        "--catalogue",
        poster_folder / "catalogue.csv",
        "--images",
        poster_folder / "posters",
        "--json",
    ]
    posters = poster_folder / "posters"
    Image.open(posters / "p0001.jpg").convert("L").resize((200, 300)).save(posters / "p0001.jpg")
    Image.open(posters / "p0002.jpg").resize((300, 200)).save(posters / "p0002.jpg")
    code, out, _ = keyart(*arguments)
    report = json.loads(out)
    assert code == 0
    assert report["problems"] == []
    kinds = {(remark["id"], remark["kind"]) for remark in report["remarks"]}
    assert {("p0001", "grey image"), ("p0002", "landscape image"), ("p0003", "tiny image")} <= kinds
    assert ("p0001", "tiny image") not in kinds
    assert keyart(*arguments, "--strict")[0] == 1

    (posters / "p0004.jpg").write_bytes((posters / "p0005.jpg").read_bytes())
    Image.new("RGB", (200, 300), (90, 40, 30)).save(posters / "p0006.jpg")
    Image.open(posters / "p0007.jpg").save(posters / "p0008.jpg", quality=40)
    code, out, _ = keyart(*arguments)
    report = json.loads(out)
    assert code == 1
    assert [(problem["id"], problem["kind"]) for problem in report["problems"]] == [
        ("p0005", "exact duplicate"),
        ("p0006", "blank image"),
    ]
    assert ("p0008", "near-duplicate") in {(remark["id"], remark["kind"]) for remark in report["remarks"]}
    assert report["near_duplicates"] == 2
    # Two pairs of 24 posters, 5 in test, 17 in train: each poster of a pair leaks with probability 5/24 · 17/23.
    assert report["leak"] == pytest.approx(4 * 5 / 24 * 17 / 23)


OUTPUTS = {
    "search": (["search", "RUN", "p1", "--png"], ".png"),
    "explain": (["explain", "RUN", "a", "b", "--out"], ".png"),
    "recommend": (["recommend", "RUN", "--history", "h.csv", "--out"], ".parquet"),
    "export": (["export", "RUN", "--to", "timm", "--out"], ""),
    "embed": (["embed", "RUN", "--catalogue", "c.csv", "--out"], ""),
    "index": (["index", "RUN", "--out"], ""),
    "card": (["card", "--catalogue", "c.csv", "--out"], ""),
    "fetch": (["fetch", "--catalogue", "c.csv", "--to"], ""),
}


@pytest.mark.parametrize("command", OUTPUTS)
def test_where_results_go_is_checked_before_anything_is_read(keyart, tmp_path, command):
    """The output path is checked first: neither run nor table exists, and the message does not name them."""
    arguments, suffix = OUTPUTS[command]
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.parquet").mkdir()
    wrong = [tmp_path / "file" / f"x{suffix}"]
    if suffix:
        wrong += [tmp_path / "x.jpg", tmp_path / "x", tmp_path / "no" / f"x{suffix}", tmp_path / f"folder{suffix}"]
    else:
        wrong += [tmp_path / "file"]
    for path in wrong:
        code, out, err = keyart(*arguments, path)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
        assert err.startswith(f"keyart: {arguments[-1]} {path}: "), err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.parquet", "folder.png"]


def test_every_option_that_names_an_output_is_checked():
    """A new command's ``--out``, ``--to`` or ``--png`` path must be in the list above."""
    from typer.main import get_command

    from keyart.cli.app import app

    named = {
        name
        for name, command in get_command(app).commands.items()
        for option in command.params
        if {"--out", "--png", "--to"} & set(option.opts)
    }
    assert named == set(OUTPUTS)


def test_check_accounts_for_every_row(keyart, poster_folder):
    """Faults of the table and of images are counted the same way: rows = posters + faults."""
    table = poster_folder / "catalogue.csv"
    lines = table.read_text().splitlines()
    lines[3] = lines[3].replace("Film 2", '"Film 2')  # the open quote includes all text up to the next quote
    lines[6] = lines[6].replace("Film 5", '5" Film')
    lines += ["gone.jpg,Drama,Gone,1990", "p0001.jpg,N/A,x,1990", "p0001.jpg,War,too,many,cells", ""]
    table.write_text("\n".join(lines))
    (poster_folder / "posters" / "p0010.jpg").write_text("no image")
    arguments = ["check", "--catalogue", table, "--images", poster_folder / "posters"]
    code, out, _ = keyart(*arguments, "--json")
    assert code == 1
    report = json.loads(out)
    left_out = {problem["row"] for problem in report["problems"]}
    assert {4, 12, 26, 27, 28} <= left_out
    assert (report["rows"], report["faults"]) == (27, len(left_out))
    assert report["rows"] == report["posters"] + report["faults"]
    code, out, _ = keyart(*arguments)
    assert f"27 rows = {report['posters']} posters + {report['faults']} faults" in out


def test_check_remarks_on_what_was_assumed(keyart, poster_folder):
    rows = "".join(f"p{i:04d}.jpg\t1\t{i % 2}\t{(i + 1) % 2}\tÜ\n" for i in range(4))
    text = f"img\tenglish\tDrama\tdubbed\ttitle\n{rows}".replace("Ü", '"Ü', 1)
    (poster_folder / "t.tsv").write_bytes(text.encode("latin-1"))
    code, out, _ = keyart(
        "check", "--catalogue", poster_folder / "t.tsv", "--images", poster_folder / "posters", "--json"
    )
    report = json.loads(out)
    kinds = [(remark["row"], remark["kind"]) for remark in report["remarks"] if remark["kind"] != "tiny image"]
    assert sorted(kinds) == [(1, "constant column"), (1, "unusual genre"), (2, "encoding"), (2, "no quoting")]
    assert (code, report["posters"], report["faults"]) == (0, 4, 0)


@pytest.mark.parametrize("form", [["--catalogue={}/catalogue.csv"], ["--catalogue", "{}/catalogue.csv"]])
def test_a_tilde_that_the_shell_leaves_is_expanded_in_inputs(form, keyart, poster_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(poster_folder.parent))
    arguments = [word.format("~/made") for word in form]
    code, out, err = keyart("check", *arguments, "--images=~/made/posters", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["posters"] == 24


@pytest.mark.parametrize(
    "command",
    [
        "search RUN a --png=~/file/x.png",
        "explain RUN a b --out ~/file/x.png",
        "recommend RUN --history h.csv --out=~/file/x.parquet",
        "export RUN --to timm --out=~/file/x",
        "embed RUN --catalogue c.csv --out ~/file/x",
        "index RUN --out=~/file/x",
        "card --catalogue c.csv --out=~/file/x",
        "fetch --catalogue c.csv --to=~/file/x",
    ],
    ids=lambda command: command.partition(" ")[0],
)
def test_a_tilde_is_expanded_in_every_output(command, keyart, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    code, out, err = keyart(*command.split())
    assert (code, out) == (2, "")
    assert str(tmp_path / "file") in err
    assert "~" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize(
    "text", ["~ a title ~", "~tilde", "a~/b", "--json", "~nobody-of-that-name/x", "--uri=http://h/~x"]
)
def test_what_is_no_path_of_a_home_stays_as_it_is(text):
    assert expand_argument(text) == text


def test_a_tilde_is_expanded_where_a_path_is_one_of_several_meanings(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand_argument("~/poster.jpg") == str(tmp_path / "poster.jpg")
    assert expand_argument("--uri=~/posters.db") == f"--uri={tmp_path / 'posters.db'}"
    assert expand_argument("~") == str(tmp_path)


def test_version(keyart):
    from keyart import __version__

    assert keyart("--version") == (0, f"keyart {__version__}\n", "")


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_help_shows_every_commands_whole_first_sentence(keyart, monkeypatch, columns):
    from keyart.cli.app import app

    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, _ = keyart("--help")
    assert code == 0
    shown = " ".join(out.split())
    commands = app.registered_commands
    assert len(commands) > 10
    for command in commands:
        first = " ".join(command.callback.__doc__.partition("\n\n")[0].split())
        assert first.endswith(".")
        assert first in shown
    assert "..." not in out.partition("Commands:")[2]


def completions(line):
    """Return bash's completions of the last word of a command line of keyart."""
    words = line.split(" ")
    variables = {"_KEYART_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    code = "from keyart.cli.app import main; import sys; sys.argv = ['keyart']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_shell_completion_of_keyart():
    assert completions("keyart eva") == ["evaluate", "evaluate-history"]
    assert completions("keyart evaluate --relev") == ["--relevance"]
    assert completions("keyart evaluate RUN --relevance ja") == ["jaccard"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_shell_completion_of_train_py(tmp_path):
    """Bash completes overrides with the script that ``train.py`` prints, as in the README."""
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    script = """
        eval "$(python train.py --shell-completion install=bash)"
        complete -p python
        COMP_LINE="python train.py experiment=h" COMP_POINT=28 COMP_CWORD=2
        hydra_bash_completion
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "hydra_bash_completion python" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["experiment=head"]


def test_a_name_that_a_library_cannot_write_is_one_line(keyart, monkeypatch):
    def write(*given, **named):
        "/data/.a\udcffb.parquet.0a1b-12-e4449ba1.part".encode()

    monkeypatch.setattr("keyart.cli.app.app", write)
    code, out, err = keyart("doctor")
    assert (code, out) == (2, "")
    assert err == "keyart: /data/a\\udcffb.parquet: is not a name in UTF-8; choose another\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("/x/_kd_tree.so: failed to map segment from shared object"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 9 bytes."),
    ],
)
@pytest.mark.parametrize(("name", "place"), [("doctor", "app.app"), ("train", "hydra_entry.run_job")])
def test_no_memory_is_one_line(error, name, place, keyart, monkeypatch):
    def fail(*given, **named):
        raise error

    monkeypatch.setattr(f"keyart.cli.{place}", fail)
    code, out, err = keyart(name)
    assert (code, out) == (2, "")
    program = "keyart" if name == "doctor" else "keyart train"
    assert err.endswith(
        f"{program}: there is not enough memory; close other programs, or raise its limit (ulimit -v)\n"
    )
    monkeypatch.setattr(f"keyart.cli.{place}", lambda *given, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        keyart(name)
