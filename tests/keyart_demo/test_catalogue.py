"""The demo catalogue on disk: its files, its tables, its cache."""

import hashlib
import json
import multiprocessing
import threading
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError
from keyart_demo import render
from keyart_demo.films import draw_film
from keyart_demo.render import demo_catalogue
from keyart_demo.words import FRANCHISES
from keyart_demo.worker import Share

SMALL = {"n": 30, "pairs": 6, "size": (80, 120)}


def digests(folder: Path) -> dict[str, str]:
    """What each file of a folder holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made() -> Path:
    return demo_catalogue(**SMALL, workers=1)


def test_files_and_columns_agree(made):
    table = pd.read_csv(made / "catalogue.csv", keep_default_na=False)
    assert list(table.columns) == [
        "img", "genres", "id", "film", "title", "year", "era_style", "franchise", "looks", "art",
    ]  # fmt: skip
    assert len(table) == 30
    assert sorted(table.img) == sorted(path.name for path in (made / "posters").iterdir())
    assert table.id.is_unique
    assert set(table.franchise) <= {"", *FRANCHISES}
    pairs = pd.read_csv(made / "pairs.csv")
    assert len(pairs) == 6
    assert pairs.img.isin(table.img).all()
    assert pairs.img.is_unique
    assert sorted(pairs.other_img) == sorted(path.name for path in (made / "other_art").iterdir())
    with Image.open(made / "posters" / table.img[0]) as image:
        assert image.size == (80, 120)
        assert image.mode == "RGB"


def test_the_reader_takes_every_row(made):
    catalogue, problems = read_catalogue(made / "catalogue.csv", made / "posters")
    assert problems == []
    assert len(catalogue) == 30
    for i in (0, 17, 29):
        film = draw_film(0, i)
        assert catalogue.titles[i] == film.title
        assert catalogue.years[i] == film.year
        assert {name for name, has in zip(catalogue.genre_names, catalogue.genres[i], strict=True) if has} == set(
            film.genres
        )


def test_the_same_bytes_again_and_from_several_processes(made, tmp_path, monkeypatch):
    monkeypatch.setattr(render, "_ALONE", 0)
    again = demo_catalogue(tmp_path / "again", **SMALL, workers=2)
    assert digests(again) == digests(made)


def test_another_seed_draws_other_posters(made, tmp_path):
    other = digests(demo_catalogue(tmp_path / "other", n=3, pairs=0, size=(80, 120), seed=1, workers=1))
    mine = digests(made)
    assert not set(other.values()) & set(mine.values())


def test_a_small_catalogue_begins_a_large_one(made, tmp_path):
    small = demo_catalogue(tmp_path / "small", n=12, pairs=2, size=(80, 120), workers=1)
    whole = digests(made)
    for name, digest in digests(small / "posters").items():
        assert whole[f"posters/{name}"] == digest
    begin = (small / "catalogue.csv").read_text().splitlines()
    assert (made / "catalogue.csv").read_text().splitlines()[: len(begin)] == begin


def test_found_again_without_drawing(made, monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(render, "_build", never)
    calls: list[tuple[int, int]] = []
    assert demo_catalogue(**SMALL, progress=lambda done, all_: calls.append((done, all_))) == made
    assert calls == []
    with pytest.raises(AssertionError, match="drawn again"):
        demo_catalogue(n=31, pairs=6, size=(80, 120))


def test_progress_counts_every_poster(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "_ALONE", 0)
    calls: list[tuple[int, int]] = []
    demo_catalogue(
        tmp_path / "counted", n=6, pairs=2, size=(60, 90), workers=2,
        progress=lambda done, all_: calls.append((done, all_)),
    )  # fmt: skip
    assert calls == [(i, 8) for i in range(1, 9)]


def _make(folder: str, out: "multiprocessing.Queue[str]") -> None:
    out.put(str(demo_catalogue(Path(folder), n=4, pairs=1, size=(60, 90), workers=1)))


def test_two_at_once_draw_it_once(tmp_path, monkeypatch):
    target = tmp_path / "shared"
    built: list[Path] = []
    build = render._build

    def counting(building: Path, *rest: object) -> None:
        built.append(building)
        build(building, *rest)

    monkeypatch.setattr(render, "_build", counting)
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(demo_catalogue(target, n=4, pairs=1, size=(60, 90), workers=1)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [target] * 3
    assert len(built) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")) == ["shared"]


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    running = [context.Process(target=_make, args=(str(tmp_path / "shared"), out)) for _ in range(2)]
    for process in running:
        process.start()
    assert {out.get(timeout=60) for _ in running} == {str(tmp_path / "shared")}
    for process in running:
        process.join()
        assert process.exitcode == 0
    assert len(list((tmp_path / "shared" / "posters").iterdir())) == 4


def test_nothing_half_done_is_left_or_taken(tmp_path, monkeypatch):
    def breaks(share: Share) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "broken"
    monkeypatch.setattr(render, "draw", breaks)
    with pytest.raises(KeyboardInterrupt):
        demo_catalogue(target, n=3, pairs=0, size=(60, 90), workers=1)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []
    monkeypatch.undo()
    assert len(list((demo_catalogue(target, n=3, pairs=0, size=(60, 90), workers=1) / "posters").iterdir())) == 3


def test_what_a_killed_process_left_is_swept_up(tmp_path):
    (tmp_path / ".target.elsewhere-1-abc.part" / "posters").mkdir(parents=True)
    (tmp_path / ".target.other").mkdir()
    demo_catalogue(tmp_path / "target", n=2, pairs=0, size=(60, 90), workers=1)
    assert {path.name for path in tmp_path.iterdir()} == {"target", ".target.other", ".target.lock"}


def test_a_failing_process_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "_ALONE", 0)
    monkeypatch.setattr(Share, "to_json", lambda self: json.dumps({"folder": "nowhere"}))
    with pytest.raises(RuntimeError, match="KeyError: 'seed'"):
        demo_catalogue(tmp_path / "failing", n=4, pairs=0, size=(60, 90), workers=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n=0: a demo catalogue has 1 to 100,000 posters"),
        ({"pairs": -1}, "pairs=-1"),
        ({"size": (240, 240)}, "size=240x240"),
        ({"size": (20, 30)}, "size=20x30"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_numbers_out_of_range(arguments, message):
    with pytest.raises(InputError, match=message):
        demo_catalogue(**{"n": 2, **arguments})


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("…")
    with pytest.raises(InputError, match="holds something else"):
        demo_catalogue(tmp_path / "full", n=2, pairs=0, size=(60, 90))
    assert (tmp_path / "full" / "thesis.txt").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="KEYART_CACHE"):
        demo_catalogue(tmp_path / "file" / "demo", n=2, pairs=0, size=(60, 90))
