"""Hostile input of every kind, as one table: what is changed, what is run, and how it has to end.

Each function yields the cases of one row of the harness's table. A case runs in a copy of a folder with posters
(`made`), a history, a run, its embeddings in parts (`parts`), an index of each engine (`indexes`) and a warm cache.
"""

import io
import json
import os
import pickle
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tests.faults.strikes import CARD, COMMANDS, HISTORY, POSTERS, TRAIN

Change = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One hostile input.

    Attributes:
        name: What is wrong.
        arguments: The command.
        change: Makes it wrong, in the folder of the try.
        child: Called in the child, before the command.
        ends: ``answered``: it succeeds, or says in one line why not; ``refused``: the latter; ``done``: the former;
            ``same``: it gives the answer of the unchanged folder.
        tidy: Whether everything that it writes has to lie in `out` or the cache.
    """

    name: str
    arguments: list[str]
    change: Change = lambda: None
    child: Change = lambda: None
    ends: str = "answered"
    tidy: bool = True


def rewrite(path: str, damage: Callable[[bytes], bytes]) -> Change:
    """Return what replaces a file's content."""
    return lambda: Path(path).write_bytes(damage(Path(path).read_bytes()))


def drawn(strategy: Any, count: int) -> list[Any]:
    """Return examples of a Hypothesis strategy, the same ones each time."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    found: list[Any] = []

    @seed(0)
    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def json_values() -> Any:
    """Return a strategy of any value that JSON can hold, and some that it cannot."""
    from hypothesis import strategies as st

    numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**18, -1, 0, 1e308]))
    leaves = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20), st.just("../../x"), st.just("x" * 5000))
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    )


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "a byte less": lambda content: content[:-1],
    "longer": lambda content: content + b"more",
    "noise": lambda content: np.random.default_rng(0).bytes(max(len(content), 64)),
    "zeros": lambda content: bytes(len(content)),
    "zeros at the end": lambda content: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
    "a bit": lambda content: (
        content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]
    ),
    "reversed": lambda content: content[::-1],
    "null": lambda content: b"null",
    "deep": lambda content: b"[" * 50_000,
}

# -- wrong use of the command line ------------------------------------------------------------------------------------

VALUES = ["", "x", "-1", "1e400", "nan", "/nowhere/x", "made", "made/catalogue.csv", "a\n\x1b[31m", "é" * 300, "\udcff"]
LINES = {line[0]: line for line in reversed(COMMANDS.values()) if line[0] != "train"} | {"serve": ["serve", "run"]}


def usage() -> Iterator[Case]:
    """Yield each option and argument of each command with each bad value, and lines that are no use at all."""
    import typer

    from keyart.cli.app import app

    commands: Any = typer.main.get_command(app)
    for name, line in LINES.items():
        yield Case(f"{name}, an unknown option", [*line, "--nosuch"], ends="refused")
        yield Case(
            f"{name}, an argument too many", [*line, *["made"] * 4], ends="answered" if name == "serve" else "refused"
        )
        if name != "doctor":
            yield Case(f"{name} alone", [name], ends="refused")
        places = [
            i for i, part in enumerate(line[1:], 1) if part in ("run", "p0001", "p0002", "made/posters/p0001.jpg")
        ]
        lines = [(f"argument {i}", line[:i], line[i + 1 :]) for i in places]
        for one in commands.commands[name].params:
            if one.param_type_name == "option" and one.name not in ("help", "as_json"):
                lines.append((one.opts[0], [*line, one.opts[0]], []))
        for place, before, after in lines:
            for value in VALUES:
                yield Case(f"{name} {place} {value[:20]!r}", [*before, value, *after], tidy=False)


def train_arguments() -> Iterator[Case]:
    """Yield each key that has a rule with each bad value, and lines that are no overrides."""
    from keyart.config.rules import RULES

    values = ["nan", "-1", "1e400", "x", "[1,2]", "{a:1}", "null", "1000000000", "''", "${nosuch}", "[", "a,b", "1.5"]
    lines = [[f"{key}={value}"] for key in sorted(RULES) for value in values]
    groups = [
        "model",
        "head",
        "loss",
        "miner",
        "sampler",
        "optimizer",
        "scheduler",
        "trainer",
        "logger",
        "data",
        "memory",
    ]
    groups += ["augment", "experiment", "debug", "relevance", "callbacks", "training", "evaluation"]
    lines += [
        [f"{sign}{group}{value}"] for group in groups for sign in ("", "+", "~") for value in ("=nosuch", "=null", "")
    ]
    lines += [
        [text] for text in ("=", "a=", "'", "{", "-x", "--multirun=3", "resume=/nowhere", "resume=made", "ckpt_path=x")
    ]
    lines += [
        ["-m", "seed=1,x"],
        ["-m", "resume=run"],
        ["-m"],
        ["hydra.run.dir=made/catalogue.csv"],
        ["hydra.run.dir=''"],
    ]
    lines += [["loss.margin=1e400"], ["loss=pml", "loss.class=os.system"], ["optimizer._target_=os.system"]]
    for line in lines:
        yield Case(" ".join(line)[:80], [*TRAIN, "hydra.run.dir=out", *line], child=no_training, tidy=False)


def no_training() -> None:
    """Let the command end where training would begin."""
    from keyart.cli import hydra_entry

    hydra_entry.run_job = lambda: None  # type: ignore[assignment]


# -- tables -----------------------------------------------------------------------------------------------------------


def cells(column: int, text: str) -> Callable[[bytes], bytes]:
    """Return what replaces a column's cells."""

    def change(content: bytes) -> bytes:
        table = pd.read_csv(io.BytesIO(content), dtype=str)
        table.isetitem(column, [text] * len(table))
        return table.to_csv(index=False).encode(errors="surrogateescape")

    return change


def joined(*parts: bytes) -> bytes:
    return b"\n".join(parts) + b"\n"


CELLS = [
    "",
    "nan",
    "../../../etc/passwd",
    "/etc/passwd",
    "=cmd|' /C calc'!A0",
    "\x1b]0;x\x07",
    "1e400",
    "-1",
    "inf",
    "{x}",
]
CELLS += ["[bold]x[/bold]", "<script>alert(1)</script>", "x" * 300, "\u202e\u0301", "a\nb", "p0001.jpg"]
TABLES: dict[str, Callable[[bytes], bytes]] = {
    **{name: DAMAGES[name] for name in ("empty", "half", "noise", "zeros", "a bit", "deep", "null")},
    "header alone": lambda content: content.splitlines()[0] + b"\n",
    "no header": lambda content: joined(*content.splitlines()[1:]),
    "one row": lambda content: joined(*content.splitlines()[:2]),
    "rows twice": lambda content: content + joined(*content.splitlines()[1:]),
    "header twice": lambda content: content.splitlines()[0] + b"\n" + content,
    "a column twice": lambda content: joined(*(line + b"," + line.split(b",")[0] for line in content.splitlines())),
    "ragged": lambda content: joined(*(line + b",x" * (i % 3) for i, line in enumerate(content.splitlines()))),
    "one column": lambda content: joined(*(line.split(b",")[0] for line in content.splitlines())),
    "NUL": lambda content: content.replace(b"1", b"\0"),
    "latin-1": lambda content: content.replace(b"e", "é".encode("latin-1")),
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "BOM": lambda content: b"\xef\xbb\xbf" + content,
    "carriage returns": lambda content: content.replace(b"\n", b"\r"),
    "semicolons": lambda content: content.replace(b",", b";"),
    "tabs": lambda content: content.replace(b",", b"\t"),
    "open quote": lambda content: content.replace(b",", b',"', 3),
    "blank lines": lambda content: content.replace(b"\n", b"\n\n\n"),
    "ten thousand columns": lambda content: joined(*(line + b",x" * 10_000 for line in content.splitlines())),
    "a long cell": lambda content: content + b'"' + b"x" * (1 << 20) + b'",Drama,x,1990\n',
    "JSON": lambda content: b'[{"img": "p0001.jpg", "genres": ["Drama"]}]',
    "HTML": lambda content: b"<html><body><table><tr><td>img</td></tr></table>",
    "a zip file": lambda content: b"PK\x03\x04" + content,
    "a gzip file": lambda content: b"\x1f\x8b\x08" + content,
    "all commas": lambda content: re.sub(rb"[^,\n]", b"", content),
    **{f"column {column}: {text[:12]!r}": cells(column, text) for column in range(3) for text in CELLS},
}
PARQUETS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "no rows": lambda table: table[:0],
    "no columns": lambda table: table[[]],
    "numbers": lambda table: table.apply(lambda column: pd.Series(range(len(column)))),
    "NaN": lambda table: table.map(lambda _: float("nan")),
    "lists": lambda table: table.map(lambda value: [value, value]),
    "bytes": lambda table: table.map(lambda value: str(value).encode() + b"\xff"),
    "mappings": lambda table: table.map(lambda value: {"a": value}),
    "dates": lambda table: table.map(lambda _: pd.Timestamp("2020-01-01")),
    "booleans": lambda table: table.map(lambda _: True),
    "categories": lambda table: table.astype(str).astype("category"),
}


def of_tables(path: str, lines: list[list[str]]) -> Iterator[Case]:
    """Yield each damage of a CSV file and of the same as Parquet, for each command that reads it."""
    parquet = str(Path(path).with_suffix(".parquet"))

    def as_parquet(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
        return lambda: change(pd.read_csv(path)).to_parquet(parquet)

    def written(damage: Callable[[bytes], bytes]) -> Change:
        return lambda: (pd.read_csv(path).to_parquet(parquet), rewrite(parquet, damage)())

    for line in lines:
        for name, damage in TABLES.items():
            yield Case(f"{line[0]}, {name}", line, rewrite(path, damage))
        other = [parquet if part == path else part for part in line]
        for name, change in PARQUETS.items():
            yield Case(f"{line[0]}, Parquet, {name}", other, as_parquet(change))
        for name, damage in DAMAGES.items():
            yield Case(f"{line[0]}, Parquet, {name}", other, written(damage))


def catalogues() -> Iterator[Case]:
    """Yield damaged catalogues."""
    skip = ["--on-bad-poster", "skip"]
    yield from of_tables(
        "made/catalogue.csv",
        [["check", *POSTERS], ["embed", "run", *POSTERS, *skip, "--out", "out"], [*CARD, "--out", "out"]],
    )


def histories() -> Iterator[Case]:
    """Yield damaged histories."""
    yield from of_tables(
        "made/history.csv",
        [
            ["recommend", "run", *HISTORY, "--out", "out.parquet"],
            ["recommend", "run", *HISTORY, "--user", "u1"],
            ["evaluate-history", "run", *HISTORY],
        ],
    )


def images() -> Iterator[Case]:
    """Yield damaged posters in every format."""
    from PIL import Image

    image = Image.open("made/posters/p0001.jpg")
    contents = {"HTML": b"<html></html>", "a script": b"#!/bin/sh\ntouch canary\n", "SVG": b"<svg onload='x'/>"}
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "TGA", "ICO"):
        with io.BytesIO() as file:
            image.save(file, kind)
            whole = file.getvalue()
        contents |= {f"{kind}, {name}": damage(whole) for name, damage in DAMAGES.items()}
        rng = np.random.default_rng(0)
        for i in range(4):  # broken headers
            broken = bytearray(whole)
            for at in rng.integers(0, min(len(whole), 64), 4):
                broken[at] = rng.integers(256)
            contents[f"{kind}, header {i}"] = bytes(broken)
    for name, content in contents.items():
        change = rewrite("made/posters/p0001.jpg", lambda _, content=content: content)  # type: ignore[misc]
        yield Case(f"check, {name}", ["check", *POSTERS], change)
        yield Case(
            f"embed, {name}", ["embed", "run", *POSTERS, "--on-bad-poster", "skip", "--out", "out"], change, ends="done"
        )


# -- what keyart wrote ------------------------------------------------------------------------------------------------


def with_digests(folder: str, change: Change) -> Change:
    """Return what changes an index and writes the digests anew, as somebody would who means harm."""
    from keyart.utils.checksums import describe_files

    def forge() -> None:
        change()
        path = Path(folder) / "index.json"
        record = json.loads(path.read_text())
        record["files"] = describe_files(Path(folder), record["files"])
        path.write_text(json.dumps(record))

    return forge


def json_changes(path: str, count: int) -> Iterator[tuple[str, Change]]:
    """Yield changes of a JSON or YAML file: each key without a value or with odd ones, and values of Hypothesis."""

    def keys(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        for key, value in content.items() if isinstance(content, dict) else ():
            yield (*place, key)
            yield from keys(value, (*place, key))

    def edit(place: tuple[Any, ...], value: Any, remove: bool = False) -> Change:
        def change() -> None:
            content = yaml.safe_load(Path(path).read_text())
            inner = content
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            if remove:
                del inner[place[-1]]
            Path(path).write_text(json.dumps(content, default=str))

        return change

    places = list(keys(yaml.safe_load(Path(path).read_text())))
    for place in places[:: max(1, len(places) // 25)]:
        yield f"without {'.'.join(map(str, place))}", edit(place, None, remove=True)
    for i, value in enumerate(drawn(json_values(), count)):
        place = places[i * 7 % len(places)]
        yield f"{'.'.join(map(str, place))}={str(value)[:30]!r}", edit(place, value)


def indexes() -> Iterator[Case]:
    """Yield indexes that somebody has forged, digests and all."""
    for engine in ("flat", "hnsw", "ivfpq"):
        folder = f"indexes/{engine}"
        line = ["search", "run", "made/posters/p0001.jpg", "--index", folder, "--json"]
        for name, change in json_changes(f"{folder}/index.json", 25):
            yield Case(f"{engine}, {name}", line, change)
        for file in sorted(Path(folder).iterdir()):
            if file.suffix == ".json":
                continue
            for name, damage in DAMAGES.items():
                yield Case(f"{engine}, {file.name}, {name}", line, with_digests(folder, rewrite(str(file), damage)))
        for name, edit in PARQUETS.items():
            path = f"{folder}/posters.parquet"
            change = with_digests(folder, lambda path=path, edit=edit: edit(pd.read_parquet(path)).to_parquet(path))  # type: ignore[misc]
            yield Case(f"{engine}, posters.parquet, {name}", line, change)
        for file in sorted(Path(folder).glob("*.faiss")):
            size = file.stat().st_size
            for at in [*range(0, min(size, 160), 4), *range(size // 8, size, size // 8)]:
                flip = lambda content, at=at: content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :]  # noqa: E731
                yield Case(f"{engine}, {file.name} at {at}", line, with_digests(folder, rewrite(str(file), flip)))  # type: ignore[arg-type]


def parts() -> Iterator[Case]:
    """Yield damaged embeddings."""
    import pyarrow.parquet as pq

    line = ["index", "run", "--embeddings", "parts", "--out", "out", "--json"]
    for file in sorted(str(path) for path in Path("parts").iterdir()):
        for name, damage in DAMAGES.items():
            yield Case(f"{file}, {name}", line, rewrite(file, damage))
        yield Case(f"{file} is missing", line, Path(file).unlink)
        if not file.endswith(".parquet"):
            continue
        for name, edit in PARQUETS.items():

            def change(file: str = file, edit: Any = edit) -> None:
                import pyarrow as pa

                kept = pq.read_schema(file).metadata
                pq.write_table(pa.Table.from_pandas(edit(pd.read_parquet(file))).replace_schema_metadata(kept), file)

            yield Case(f"{file}, {name}", line, change)

        def fill(value: float, file: str = file) -> Change:
            def change() -> None:
                import pyarrow as pa

                kept, table = pq.read_schema(file).metadata, pd.read_parquet(file)
                table["embedding"] = [np.full_like(row, value) for row in table["embedding"]]
                pq.write_table(pa.Table.from_pandas(table).replace_schema_metadata(kept), file)

            return change

        for value in (float("nan"), float("inf"), 0.0, 1e30):
            yield Case(f"{file}, vectors of {value}", line, fill(value), ends="refused")


RUN_FILES = {
    "config.yaml": ["search", "evaluate", "card"],
    "environment.json": ["search", "evaluate", "card"],
    "metrics.json": ["compare"],
    "splits.csv": ["evaluate", "compare"],
    "embedder/embedder.json": ["search"],
    ".hydra/overrides.yaml": ["resume"],
    ".hydra/config.yaml": ["resume"],
}


def run_files() -> Iterator[Case]:
    """Yield damaged files of a run."""
    lines = {name: COMMANDS[name] for name in ("search", "compare")} | {"evaluate": ["evaluate", "run", "--json"]}
    lines |= {"card": [*COMMANDS["card"], "--run", "run"], "resume": ["train", "resume=run"]}
    lines["search"] = ["search", "run", "made/posters/p0001.jpg", "--json"]
    for file, readers in RUN_FILES.items():
        path = f"run/{file}"
        changes = [(name, rewrite(path, damage)) for name, damage in DAMAGES.items()]
        if file.endswith(".csv"):
            changes += [(name, rewrite(path, damage)) for name, damage in TABLES.items()]
        elif "overrides" not in file:
            changes += list(json_changes(path, 25))
        changes.append(("missing", Path(path).unlink))
        for reader in readers:
            for name, change in changes:
                child = no_training if reader == "resume" else lambda: None
                yield Case(f"{reader}, {file}, {name}", lines[reader], change, child)


CACHED = [part for part in TRAIN if part not in ("head=mlp", "data.catalogue=made/catalogue.csv")]
CACHED += [
    "data.catalogue=made/with_fault.csv",
    "data.on_bad_poster=skip",
    "head=ensemble",
    "model.components=16",
    "training.head_epochs=1",
    "hydra.run.dir=out",
]


def caches() -> Iterator[Case]:
    """Yield damaged caches, and folders and pipes in place of their files."""

    def replace(path: Path, by: Callable[[Path], object]) -> Change:
        return lambda: (path.unlink(), by(path))

    for path in sorted(path for path in Path("cache").rglob("*.*") if path.is_file() and path.suffix != ".lock"):
        for name, damage in DAMAGES.items():
            yield Case(f"{path}, {name}", CACHED, rewrite(str(path), damage), ends="same")
        yield Case(f"{path} is missing", CACHED, path.unlink, ends="same")
        yield Case(f"{path} is a folder", CACHED, replace(path, Path.mkdir))
        yield Case(f"{path} is a pipe", CACHED, replace(path, os.mkfifo))


# -- names, permissions, surroundings ---------------------------------------------------------------------------------

NAMES = ["a b", "a'b", 'a"b', "a=b", "a,b", "{a}", "[a]", "$a", "${a}", "%a", "~a", "#a", "a;b", "a&b", "a|b", "a\\b"]
NAMES += [
    "é",
    "e\u0301",
    "映画",
    "🎬",
    "a\nb",
    "a\tb",
    "-a",
    "a.",
    ".a",
    "*",
    "?",
    "!",
    "(a)",
    "a\udcffb",
    "\u202ea",
    "\x1b[31m",
]


def lines_of(posters: str, out: str) -> list[list[str]]:
    """Return commands that read posters from one folder and write to another."""
    given = ["--catalogue", f"{posters}/catalogue.csv", "--images", f"{posters}/posters"]
    return [
        ["check", *given],
        ["embed", "run", *given, "--out", out],
        ["index", "run", "--out", out],
        [*CARD[:1], *given, *CARD[-2:], "--out", out],
        ["export", "run", "--to", "embedding-atlas", "--images", f"{posters}/posters", "--out", out],
        ["search", "run", f"{posters}/posters/p0001.jpg", "--images", f"{posters}/posters", "--png", f"{out}.png"],
        ["recommend", "run", "--history", f"{posters}/history.csv", "--out", f"{out}.parquet"],
        [*TRAIN, f"data.catalogue={posters}/catalogue.csv", f"data.images={posters}/posters", f"hydra.run.dir={out}"],
    ]


def paths() -> Iterator[Case]:
    """Yield folders of odd names.

    All commands take them, except that Hydra may ask for quotes, and FAISS and Parquet write no name that is not UTF-8.
    """
    for name in NAMES:
        for line in lines_of(f"./{name}", f"out/{name}"):
            change = lambda name=name: (Path("out").mkdir(), Path("made").rename(name))  # noqa: E731
            training = line[0] == "train"
            yield Case(
                f"{line[0]}, {name!r}",
                line,
                change,
                no_training if training else lambda: None,
                "answered" if training or "\udcff" in name else "done",
            )


def long_names() -> Iterator[Case]:
    """Yield names at and beyond what file systems take, for outputs, inputs and cells."""
    for size in (200, 250, 255, 256, 300, 4000, 5000):
        for line in [*lines_of("made", f"out/{'x' * size}"), *lines_of(f"./{'x' * size}", "out/x")]:
            child = no_training if line[0] == "train" else lambda: None
            yield Case(f"{line[0]}, {size} letters", line, lambda: Path("out").mkdir(), child)
        for column in range(3):
            change = rewrite("made/catalogue.csv", cells(column, "x" * size))
            for line in (["check", *POSTERS], ["embed", "run", *POSTERS, "--on-bad-poster", "skip", "--out", "out"]):
                yield Case(f"{line[0]}, {size} letters in column {column}", line, change)


NOBODY = 65534


def become_nobody() -> None:
    """Give up the rights of root, which may read and write everything."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os.environ["HOME"] = str(Path.cwd())


def give_to_nobody() -> None:
    """Let the folder belong to who runs the command."""
    if os.geteuid() == 0:
        shutil.chown(".", NOBODY)
        for path in Path().rglob("*"):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def permissions() -> Iterator[Case]:
    """Yield files and folders that may not be read, written or entered."""
    places = ["run", "run/embedder", "run/embedder/embedder.json", "run/embedder/model.safetensors", "run/config.yaml"]
    places += ["run/environment.json", "run/index", "run/index/index.json", "run/index/vectors.faiss", "run/splits.csv"]
    places += ["made", "made/catalogue.csv", "made/posters", "made/posters/p0001.jpg", "made/history.csv", "cache"]
    places += ["cache/pixels", "cache/features", "out", "."]
    lines = [*lines_of("made", "out/x"), ["evaluate", "run", "--json"], ["train", "resume=run"]]
    for place in places:
        for mode in (0o000, 0o444, 0o555):

            def change(place: str = place, mode: int = mode) -> None:
                Path("out").mkdir()
                give_to_nobody()
                Path(place).chmod(mode)

            def child(line: list[str]) -> Change:
                return lambda: (become_nobody(), no_training() if line[0] == "train" else None)

            for line in lines:
                yield Case(f"{line[0]}, {place} {mode:o}", line, change, child(line))


def surroundings() -> Iterator[Case]:
    """Yield processes without a home, temporary folder or terminal, or with odd ones."""

    def variables(**values: str | None) -> Change:
        def change() -> None:
            tempfile.tempdir = None
            for key, value in values.items():
                os.environ.pop(key, None) if value is None else os.environ.__setitem__(key, value)

        return change

    def streams(encoding: str) -> Change:
        def change() -> None:
            sys.stdout, sys.stderr = (open(n, "w", encoding=encoding, closefd=False) for n in (1, 2))  # noqa: SIM115

        return change

    def gone() -> None:
        Path("gone").mkdir()
        os.chdir("gone")
        Path("../gone").rmdir()

    changes: dict[str, Change] = {
        "no HOME": variables(HOME=None, XDG_CACHE_HOME=None),
        "no cache but HOME": variables(KEYART_CACHE=None, XDG_CACHE_HOME=None, HOME=str(Path.cwd() / "cache")),
        "HOME nowhere": variables(HOME="/nowhere", XDG_CACHE_HOME=None),
        "HOME a file": variables(HOME="/etc/passwd", XDG_CACHE_HOME=None),
        "TMPDIR missing": variables(TMPDIR="/nowhere"),
        "TMPDIR elsewhere": variables(TMPDIR="/dev/shm"),
        "narrow": variables(COLUMNS="1"),
        "dumb": variables(TERM="dumb", NO_COLOR="1"),
        "umask": lambda: os.umask(0o777) and None,
        "ASCII": streams("ascii"),
        "latin-1": streams("latin-1"),
        "UTF-16": streams("utf-16"),
        "no standard input": lambda: os.close(0),
        "no standard output": lambda: os.close(1),
        "no standard error": lambda: os.close(2),
        "no folder": gone,
    }
    for name, child in changes.items():
        for line in lines_of("made", "out"):
            yield Case(
                f"{line[0]}, {name}",
                line,
                child=lambda line=line, child=child: (child(), no_training() if line[0] == "train" else None),
                tidy=False,
            )  # type: ignore[misc]


class Payload:
    """What touches a file named `canary` when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch canary",))


def canaries() -> Iterator[Case]:
    """Yield files that run code in readers that let them."""
    import torch

    with io.BytesIO() as file:
        torch.save({"state_dict": Payload(), "global_step": 1}, file)
        checkpoint = file.getvalue()
    with io.BytesIO() as file:
        np.save(file, np.array([Payload()], dtype=object), allow_pickle=True)
        array = file.getvalue()
    tag = b"!!python/object/apply:os.system ['touch canary']\n"
    target = json.dumps({"_target_": "os.system", "command": "touch canary", "_args_": ["touch canary"]}).encode()
    overrides = yaml.safe_dump(
        ["optimizer._target_=os.system", "+hydra.searchpath=[file://.]", "seed=${oc.env:HOME}"]
    ).encode()
    payloads = {
        "pickle": pickle.dumps(Payload()),
        "checkpoint": checkpoint,
        "array": array,
        "tag": tag,
        "target": target,
        "overrides": overrides,
        "callbacks": json.dumps({"callbacks": {"x": json.loads(target)}, "model": json.loads(target)}).encode(),
    }
    lines = [
        ["search", "run", "made/posters/p0001.jpg"],
        ["evaluate", "run"],
        ["index", "run", "--embeddings", "parts", "--out", "out"],
        ["train", "resume=run"],
        ["train", "resume=run", "training.head_epochs=3"],
        [*TRAIN, "hydra.run.dir=out", "model.weights=run/embedder/model.safetensors"],
        ["compare", "run", "run"],
    ]
    files = [path for root in ("run", "parts", "cache") for path in sorted(Path(root).rglob("*")) if path.is_file()]
    kept = [
        path
        for path in files
        if path.suffix in (".json", ".yaml", ".ckpt", ".safetensors", ".npy", ".parquet", ".faiss", ".csv")
    ]
    for path in kept:
        for name, payload in payloads.items():
            for line in lines:
                if str(path).startswith(("run", line[3] if line[0] == "index" else "cache")):
                    yield Case(
                        f"{' '.join(line[:2])}, {path}, {name}",
                        line,
                        rewrite(str(path), lambda _, payload=payload: payload),  # type: ignore[misc]
                        tidy="resume=run" not in line,
                    )


ROWS: dict[str, Callable[[], Iterator[Case]]] = {
    "wrong CLI use": usage,
    "train arguments": train_arguments,
    "catalogues": catalogues,
    "histories": histories,
    "images": images,
    "run files": run_files,
    "crafted indexes": indexes,
    "parts of embeddings": parts,
    "caches": caches,
    "paths": paths,
    "long names": long_names,
    "permissions": permissions,
    "surroundings": surroundings,
    "canaries": canaries,
}
