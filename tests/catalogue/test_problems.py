"""Problem reports: all faults in one message, each with its row and a suggested fix."""

import os
from pathlib import Path

import pandas as pd
import pytest

from keyart.catalogue.problems import Problem, problems_table, summarise
from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError


def fault(read, *args, **kwargs) -> str:
    with pytest.raises(InputError) as caught:
        read(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_faulty_row_is_reported_and_left_out(read):
    table = (
        "img,genres,id,year\n"  # line 1
        "a.jpg,Drama,1,1999\n"
        "b.jpg,N/A,2,1999\n"
        "\n"
        "typo.jpg,Drama,3,1999\n"  # 5
        "../b.jpg,Drama,4,1999\n"
        "/etc/passwd,Drama,5,1999\n"
        "c.jpg,Drama,1,1999\n"
        "c.jpg,Drama,Comedy,9,1999\n"
        ",Drama,10,1999\n"  # 10
        'c.jpg,"[\'Drama",11,1999\n'
        'c.jpg,"Drama"x,12,1999\n'
        "gone.jpg,,13,soon\n"
        "c.jpg,Comedy,14,soon\n"
    )
    catalogue, problems = read(table, ["a.jpg", "b.jpg", "c.jpg", "typos.jpg"])
    assert [(p.row, p.kind) for p in problems] == [
        (3, "no genres"),
        (5, "missing image"),
        (6, "path outside the folder"),
        (7, "path outside the folder"),
        (8, "duplicate id"),
        (9, "too many cells"),
        (10, "no image name"),
        (11, "unreadable genres"),
        (12, "broken quotes"),
        (13, "missing image"),
        (13, "bad year"),
        (13, "no genres"),
        (14, "bad year"),
    ]
    assert list(catalogue.rows) == [2, 14]
    assert list(catalogue.ids) == ["1", "14"]  # a bad year removes only the year
    assert all(p.detail and p.fix for p in problems)
    by_row = {p.row: p for p in problems}
    assert "typos.jpg" in by_row[5].detail
    assert "row 2" in by_row[8].detail
    assert (by_row[8].id, by_row[8].file) == ("1", "c.jpg")
    assert [p.row for p in problems if p.row_is_usable] == [13, 14]


def test_the_first_usable_of_rows_with_one_id_stays(read):
    catalogue, problems = read("id,img,genres\n1,a.jpg,\n1,b.jpg,Drama\n1,c.jpg,War\n", ["a.jpg", "b.jpg", "c.jpg"])
    assert list(catalogue.files) == ["b.jpg"]
    assert [(p.row, p.kind) for p in problems] == [(2, "no genres"), (2, "duplicate id"), (4, "duplicate id")]
    assert all("row 3" in p.detail for p in problems if p.kind == "duplicate id")


def test_imdb_ids_that_are_one_film_are_duplicates(read):
    _, problems = read("imdbId,genre\n114709,Drama\ntt0114709,Drama\n2,War\n", ["tt0114709.jpg", "2.jpg"])
    assert [(p.row, p.kind, p.id) for p in problems] == [(3, "duplicate id", "tt0114709")]


def test_an_id_that_is_no_imdb_id(read):
    catalogue, problems = read("imdb_id,img,genres\nnm01,a.jpg,Drama\n1,b.jpg,Drama\n", ["a.jpg", "b.jpg"])
    assert list(catalogue.ids) == ["tt0000001"]
    assert [(p.row, p.kind) for p in problems] == [(2, "bad id")]


def test_a_wrong_cell_in_a_genre_column_is_not_swallowed(read):
    rows = "".join(f"{i}.jpg,{i % 2},1\n" for i in range(20))
    catalogue, problems = read(f"img,Drama,War\n{rows}20.jpg,x,1\n", [f"{i}.jpg" for i in range(21)])
    assert catalogue.genre_names == ("Drama", "War")
    assert [(p.row, p.kind) for p in problems] == [(22, "bad genre value")]
    assert "`Drama`" in problems[0].detail
    assert len(catalogue) == 20


def test_a_few_words_are_no_genre_column(read):
    catalogue, problems = read("img,Drama,War,note\na.jpg,1,0,1\nb.jpg,1,1,good\n", ["a.jpg", "b.jpg"])
    assert problems == []
    assert catalogue.genre_names == ("Drama", "War")
    assert catalogue.extra["note"].tolist() == ["1", "good"]


def test_a_column_of_numbers_is_no_genre(read):
    rows = "".join(f"{i}.jpg,1,{i % 2},{i % 5},{i % 7 / 7}\n" for i in range(30))
    catalogue, problems = read(f"img,Drama,War,sequels,share\n{rows}", [f"{i}.jpg" for i in range(30)])
    assert problems == []
    assert catalogue.genre_names == ("Drama", "War")
    assert list(catalogue.extra.columns) == ["sequels", "share"]


def test_all_faults_of_a_table_come_together(folder):
    (folder / "t.csv").write_text("image_nme,gneres,split\na.jpg,Drama,train\nb.jpg,Drama,holdout\n")
    with pytest.raises(InputError) as caught:
        read_catalogue(folder / "t.csv", folder / "postres")
    summary = str(caught.value)
    for part in (
        "t.csv",
        "postres: no such folder",
        "rename `image_nme` to `img`",
        "rename `gneres` to `genres`",
        "'holdout'",
    ):
        assert part in summary
    assert "found `image_nme`, `gneres`, `split`" in summary


def test_no_such_table_and_no_such_folder(folder):
    (folder / "catalogue.csv").touch()
    with pytest.raises(InputError) as caught:
        read_catalogue(folder / "catalog.csv", folder / "nowhere")
    assert "catalog.csv: no such table; near it: catalogue.csv" in str(caught.value)
    assert "nowhere: no such folder" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("t.xlsx", b"x", "unsupported suffix '.xlsx'"),
        ("table", b"x", "unsupported suffix '(none)'"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n \n,,\n", "is empty"),
        ("t.csv", b"img,genres\n\n", "no rows"),
        ("t.csv", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "binary"),
        ("t.csv", b"\xff\xfei\0m\0g\0,\0x", "begins as utf-16"),
        ("t.parquet", b"img,genres\na.jpg,Drama\n", "not a readable Parquet"),
        ("t.csv", b'img,genres\na.jpg,Drama\nb.jpg,"Drama\nc.jpg,War\nd.jpg,War\n', "line 3 is not closed"),
        ("t.csv", b"img,genres,IMG\na.jpg,Drama,b.jpg\n", "2 columns are named `img`"),
        ("t.csv", b"img,year\na.jpg,1999\n", "no genres (a column `genres`"),
        ("t.csv", b"genres,year\nDrama,1999\n", "no column of images"),
        ("t.csv", b"img,Drama\na.jpg,1\nb.jpg,0\n", "no genres (a column `genres`"),
        ("t.csv", b"img,genres\na.jpg,N/A\na.jpg,\n", "no usable row: 2 no genres"),
        ("t.csv", b"img,genres,split\na.jpg,War,train\na.jpg,War,\na.jpg,War,\n", "unknown values '' (2 rows)"),
    ],
)
def test_faulty_tables(read, name, content, part):
    assert part in fault(read, content, ["a.jpg", "b.jpg"], name=name)


def test_a_folder_as_table(folder):
    (folder / "t.csv").mkdir()
    with pytest.raises(InputError, match="not a file"):
        read_catalogue(folder / "t.csv")


def test_the_wrong_folder_is_one_fault_not_thousands(read):
    table = "img,genres\n" + "".join(f"{i}.jpg,Drama\n" for i in range(500))
    summary = fault(read, table, ["posters/0.jpg"])
    assert "holds none of the 500 images" in summary
    assert "posters holds it" in summary
    assert len(summary) < 500


def test_a_given_folder_is_searched_alone(read, folder):
    read("img,genres\na.jpg,Drama\n", ["a.jpg", "posters/b.jpg"])
    with pytest.raises(InputError, match="holds none"):
        read_catalogue(folder / "t.csv", folder / "posters")


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("posters/a.jpg", "posters/a.jpg"),
        ("posters\\a.jpg", "posters/a.jpg"),
        ("./posters/a.jpg", "posters/a.jpg"),
        ("elsewhere/b.jpg", "b.jpg"),
        ("b", "b.jpg"),
        ("posters/a", "posters/a.jpg"),
        ("B.JPG", "b.jpg"),
        ("Mr. Nobody", "Mr. Nobody.png"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("tt114709.jpg", "0114709.webp"),
        ("tt0113497", "posters/tt0113497.jpeg"),
    ],
)
def test_where_an_image_is_looked_for(read, written, file):
    written = f"posters/{written}" if file.startswith("posters/tt") else written
    catalogue, problems = read(f"img,genres\n{written},Drama\n", [file])
    assert problems == []
    assert list(catalogue.files) == [file]
    assert list(catalogue.ids) == [Path(file).stem]
    assert catalogue.paths[0].is_file()


def test_an_exact_name_wins_over_likenesses(read):
    files = ["A.jpg", "a.jpg", "a.jpg.png", "tt0000001.jpg", "1.jpg"]
    catalogue, _ = read("img,genres\na.jpg,Drama\nA.jpg,Drama\n1.jpg,War\ntt0000001.jpg,War\n", files)
    assert list(catalogue.files) == ["a.jpg", "A.jpg", "1.jpg", "tt0000001.jpg"]


def test_of_names_that_differ_in_case_alone_the_first_is_meant(read):
    catalogue, _ = read("img,genres\nPoster.JPG,Drama\n", ["poster.jpg", "POSTER.jpg", "poster.JPG"])
    assert list(catalogue.files) == ["POSTER.jpg"]


def test_numbers_without_an_imdb_column_are_no_imdb_ids(read):
    _, problems = read("img,genres\n001.jpg,Drama\n2.jpg,Drama\n", ["1.jpg", "2.jpg"])
    assert [p.kind for p in problems] == ["missing image"]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
def test_a_folder_and_a_broken_link_are_no_images(read, folder):
    (folder / "a.jpg").mkdir()
    (folder / "b.jpg").symlink_to(folder / "nowhere")
    _, problems = read("img,genres\na.jpg,Drama\nb.jpg,Drama\nc.jpg,Drama\n", ["c.jpg"])
    assert [(p.row, p.kind) for p in problems] == [(2, "missing image"), (3, "missing image")]


def test_the_folder_is_listed_once(read, folder, monkeypatch):
    table = "img,genres\n" + "".join(f"x/{i}.jpg,Drama\n" for i in range(50))
    read(table, [f"x/{i}.jpg" for i in range(49)])
    listed = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or real(path))
    _, problems = read_catalogue(folder / "t.csv")
    assert len(problems) == 1
    assert sorted(listed) == [str(folder), str(folder / "x")]


def problem(row: int, kind: str = "missing image") -> Problem:
    return Problem(row, f"id{row}", f"{row}.jpg", kind, f"no {row}", f"fix {kind}")


def test_summary_is_one_line_with_counts_first_names_and_fixes():
    many = [problem(i) for i in range(2, 102)] + [problem(7, "no genres"), problem(300, "duplicate id")]
    summary = summarise(many, "films.csv", limit=5)
    assert "\n" not in summary
    assert summary.startswith(
        "films.csv: 102 problems in 101 rows: 100 missing image (row 2 2.jpg: no 2; row 3 3.jpg: no 3; "
    )
    assert "and 97 more" in summary
    assert "1 no genres (row 7 7.jpg: no 7)" in summary
    assert "1 duplicate id (row 300 300.jpg: no 300)" in summary
    assert "fix missing image" in summary
    assert "data.on_bad_poster=skip" in summary
    assert "`keyart check` lists all" in summary
    assert [summarise(many, "films.csv", limit=n).count(".jpg: ") for n in (0, 2, 5, 500)] == [0, 2, 5, 102]
    assert summarise([], "films.csv") == ""


def test_summary_keeps_to_one_line_whatever_cells_hold():
    assert "\n" not in summarise([Problem(2, "a\nb", "c\r\nd", "no genres", "e\nf", "g")], "t.csv")


def test_problems_as_a_table(tmp_path):
    table = problems_table([problem(9), problem(3)])
    assert list(table.columns) == ["row", "id", "file", "kind", "detail", "fix"]
    assert table["row"].tolist() == [3, 9]
    table.to_csv(tmp_path / "skipped.csv", index=False)
    assert len(pd.read_csv(tmp_path / "skipped.csv")) == 2
    assert list(problems_table([]).columns) == list(table.columns)


def test_the_column_of_images_is_found_by_its_cells_and_labels_are_proposed(read):
    rows = "".join(f"{i}.jpg,{'warm' if i % 2 else 'cool'},red,{'high' if i % 3 else 'low'}\n" for i in range(12))
    summary = fault(read, f"picture,tone,colour,contrast\n{rows}".encode(), [f"{i}.jpg" for i in range(12)])
    assert "rename `picture` to `img`: its cells name files in " in summary
    assert 'table["genres"] = table[["tone", "contrast"]].fillna("").agg("|".join, axis=1)' in summary
    assert "imdb_id`?" not in summary


def test_genres_are_optional_where_no_labels_are_needed(folder):
    (folder / "a.jpg").touch()
    (folder / "b.jpg").touch()
    (folder / "bare.csv").write_text("img\na.jpg\nb.jpg\n")
    (folder / "half.csv").write_text("img,genres\na.jpg,Drama\nb.jpg,\n")
    bare, problems = read_catalogue(folder / "bare.csv", require_genres=False)
    assert (problems, bare.genres.shape, len(bare.fingerprint())) == ([], (2, 0), 64)
    half, problems = read_catalogue(folder / "half.csv", require_genres=False)
    assert (problems, half.genres.tolist()) == ([], [[True], [False]])
    with pytest.raises(InputError, match="no genres"):
        read_catalogue(folder / "bare.csv")
