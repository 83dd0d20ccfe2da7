"""Formats of tables, and the catalogue that results from each."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.values import as_text

FILES = ("a.jpg", "b.jpg", "c.jpg")
SETS = [{"Drama"}, {"Comedy", "Drama"}, {"Sci-Fi"}]


def sets(catalogue):
    return [set(catalogue.genre_text(i).split(", ")) for i in range(len(catalogue))]


@pytest.mark.parametrize(
    "table",
    [
        'img,genres\na.jpg,Drama\nb.jpg,"Drama,Comedy"\nc.jpg,Sci-Fi\n',
        "img,genres\na.jpg,Drama\nb.jpg,Drama|Comedy\nc.jpg,Sci-Fi\n",
        "img,genres\na.jpg,['Drama']\nb.jpg,\"['Drama', 'Comedy']\"\nc.jpg,['Sci-Fi']\n",
        "img;genres\na.jpg;Drama\nb.jpg;Comedy,Drama\nc.jpg;Sci-Fi\n",
        "img\tgenres\na.jpg\tDrama\nb.jpg\tComedy,Drama\nc.jpg\tSci-Fi\n",
        "Genre , Image\r\n Drama , a.jpg\r\n Drama | Comedy , b.jpg\r\n\r\n Sci-Fi , c.jpg\r\n",
        "\ufeffimg,genres\na.jpg,Drama\nb.jpg,Drama|Comedy\nc.jpg,Sci-Fi",
        'img,genres\n"a.jpg","drama"\n"b.jpg","Drama|Comedy|drama|DRAMA"\n"c.jpg","Sci-Fi|"\n,\n,,\n',
        "\n\nfile_name,GENRES\na,Drama\n\n\nb,Drama|Comedy\n   \nc,Sci-Fi\n",
        "img,Comedy,Drama,Sci-Fi\na.jpg,0,1,0\nb.jpg,1,1,0\nc.jpg,0,0,1\n",
        "img,Comedy,Drama,Sci-Fi\na.jpg,,1.0,\nb.jpg,True,yes,false\nc.jpg,no,0.0,1\n",
        "img,genre_Comedy,genre_Drama,genre_Sci-Fi,colour_film\na.jpg,0,1,0,1\nb.jpg,1,1,0,1\nc.jpg,0,0,1,1\n",
        "img,Comedy,Drama,Sci-Fi,N/A,Western\na.jpg,0,1,0,1,0\nb.jpg,1,1,0,0,0\nc.jpg,0,0,1,0,0\n",
    ],
)
def test_every_shape_gives_the_same_catalogue(read, table):
    catalogue, problems = read(table, FILES)
    assert problems == []
    assert list(catalogue.ids) == ["a", "b", "c"]
    assert list(catalogue.files) == list(FILES)
    assert list(catalogue.films) == ["a", "b", "c"]
    assert catalogue.genre_names == ("Comedy", "Drama", "Sci-Fi")
    assert sets(catalogue) == SETS
    assert list(catalogue.titles) == [""] * 3
    assert np.isnan(catalogue.years).all()
    assert catalogue.split is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(read, encoding, caplog):
    text = "img,genres,title\na.jpg,Comédie,Amélie\nb.jpg,Drama,Über – alles\n"
    with caplog.at_level(logging.WARNING):
        catalogue, problems = read(text.encode(encoding), FILES)
    assert not problems
    assert list(catalogue.titles) == ["Amélie", "Über – alles"]
    assert "Comédie" in catalogue.genre_names
    # Windows-1252 is a guess, so there is a remark; the other encodings are certain.
    assert (
        [r for r in caplog.records if "is not UTF-8" in r.message] != [] if encoding == "cp1252" else not caplog.records
    )


def test_bytes_that_windows_1252_lacks_are_latin_1(read, caplog):
    catalogue, _ = read(b"img,genres,title\na.jpg,Drama,caf\xe9 \x81\nb.jpg,Comedy,x\n", FILES)
    assert catalogue.titles[0] == "café \x81"
    assert "line 2 is not UTF-8" in caplog.text
    assert "Latin-1" in caplog.text


def test_parquet_with_lists_flags_and_an_index(folder, read):
    for file in FILES:
        (folder / file).touch()
    lists = pd.DataFrame(
        {"img": FILES, "genres": [["Drama"], ["Comedy", "Drama"], ["Sci-Fi"]], "year": [1990, None, 2001]}
    )
    flags = pd.DataFrame(
        {
            "img": FILES,
            "Comedy": [False, True, False],
            "Drama": [1, 1, 0],
            "Sci-Fi": [0.0, np.nan, 1.0],
            "year": [1990, 0, 2001],
        }
    ).astype({"year": "Int64"})
    flags.loc[1, "year"] = pd.NA
    for frame in (lists, flags, lists.set_index("img"), lists.assign(genres=["Drama", "Comedy|Drama", "Sci-Fi"])):
        frame.to_parquet(folder / "t.parquet")
        catalogue, problems = read_catalogue(folder / "t.parquet")
        assert problems == []
        assert sets(catalogue) == SETS
        np.testing.assert_equal(catalogue.years, [1990.0, np.nan, 2001.0])


KAGGLE = """imdbId,Imdb Link,Title,IMDB Score,Genre,Poster
114709,http://www.imdb.com/title/tt114709,Toy Story (1995),8.3,Animation|Adventure|Comedy,https://images.example/a.jpg
113497,http://www.imdb.com/title/tt113497,Jumanji (1995),6.9,Action|Adventure|Family,https://images.example/b.jpg
10872600,http://www.imdb.com/title/tt10872600,Les Misérables (1995),,Drama,
"""


@pytest.mark.parametrize(
    "files",
    [
        ("114709.jpg", "113497.jpg", "10872600.jpg"),
        ("tt0114709.jpg", "tt0113497.jpg", "tt10872600.jpg"),
        ("0114709.jpeg", "tt113497.png", "010872600.webp"),
    ],
)
def test_the_kaggle_table(read, files):
    catalogue, problems = read(KAGGLE.encode("latin-1"), files)
    assert problems == []
    assert list(catalogue.ids) == ["tt0114709", "tt0113497", "tt10872600"]
    assert list(catalogue.files) == list(files)
    assert list(catalogue.titles) == ["Toy Story", "Jumanji", "Les Misérables"]
    assert list(catalogue.years) == [1995.0] * 3
    assert catalogue.genre_text(0) == "Adventure, Animation, Comedy"
    assert list(catalogue.extra.columns) == ["Imdb Link", "IMDB Score", "Poster"]
    np.testing.assert_equal(catalogue.extra["IMDB Score"].to_numpy(), [8.3, 6.9, np.nan])


def test_the_kaggle_table_of_flags_and_lists(read):
    table = "Id,Genre,Comedy,Drama,N/A\ntt0086425,\"['Comedy', 'Drama']\",1,1,0\ntt0085549,['Drama'],0,1,0\n"
    catalogue, problems = read(table, ["tt0086425.jpg", "tt0085549.jpg"])
    assert problems == []
    assert list(catalogue.ids) == ["tt0086425", "tt0085549"]
    assert sets(catalogue) == [{"Comedy", "Drama"}, {"Drama"}]


def test_flags_that_are_no_genres(read):
    columns = "id,img,title,year,split,film,is_colour,rating,Unnamed: 0,seen,Drama,Comedy"
    catalogue, problems = read(
        f"{columns}\n1,a.jpg,0,1995,train,0,1,1,0,1,1,0\n0,b.jpg,1,1996,test,1,0,0,1,1,1,1\n", FILES
    )
    assert problems == []
    assert catalogue.genre_names == ("Comedy", "Drama")
    assert list(catalogue.ids) == ["1", "0"]
    assert list(catalogue.films) == ["0", "1"]
    assert list(catalogue.split) == ["train", "test"]
    assert list(catalogue.extra.columns) == ["is_colour", "rating", "Unnamed: 0", "seen"]


def test_ids_films_and_extra(read):
    table = (
        "img,genres,imdb_id,film,code,score,note\n"
        "x/a.jpg,Drama,114709,toys,007,8,hi\n"
        "x/b.jpg,Comedy,tt0113497,toys,010,,\n"
        "x/c.jpg,Comedy,,,1,2.5,x\n"
    )
    catalogue, problems = read(table, ["x/a.jpg", "x/b.jpg", "x/c.jpg"])
    assert problems == []
    assert list(catalogue.ids) == ["tt0114709", "tt0113497", "c"]
    assert list(catalogue.films) == ["toys", "toys", "c"]
    assert catalogue.extra["code"].tolist() == ["007", "010", "1"]  # text with leading zeros is a code
    np.testing.assert_equal(catalogue.extra["score"].to_numpy(), [8.0, np.nan, 2.5])
    assert catalogue.extra["note"].tolist() == ["hi", "", "x"]


def test_column_id_beats_imdb_id_which_stays_in_extra(read):
    catalogue, _ = read("id,imdb_id,img,genres\np1,114709,a.jpg,Drama\np2,114709,b.jpg,Drama\n", FILES)
    assert list(catalogue.ids) == ["p1", "p2"]
    assert list(catalogue.films) == ["tt0114709"] * 2  # two artworks of one film
    assert catalogue.extra["imdb_id"].tolist() == [114709, 114709]


def test_a_title_loses_its_year_only_when_it_is_the_films(read):
    table = (
        "img,genres,title,year\na.jpg,Drama,Heat (1995),1995\nb.jpg,Drama,Heat (1995),2001\nc.jpg,Drama,Heat (1995),\n"
    )
    catalogue, _ = read(table, FILES)
    assert list(catalogue.titles) == ["Heat", "Heat (1995)", "Heat"]
    assert list(catalogue.years) == [1995.0, 2001.0, 1995.0]


def test_one_spelling_for_a_genre(read):
    catalogue, _ = read("img,genres\na.jpg,drama|SCI-FI\nb.jpg,Drama|Sci-Fi\nc.jpg,Drama|sci-fi\n", FILES)
    assert catalogue.genre_names == ("Drama", "SCI-FI")  # the most frequent spelling; the first in order for ties
    assert catalogue.genres.all()


def test_cells_may_hold_line_breaks_and_long_texts(read):
    plot = '"one\ntwo ""quoted"", three\n\n' + "long " * 40_000 + '"'
    catalogue, problems = read(f"img,plot,genres\na.jpg,{plot},Drama\nb.jpg,x,\nc.jpg,,Comedy\n", FILES)
    assert list(catalogue.ids) == ["a", "c"]
    assert catalogue.extra["plot"][0].startswith('one\ntwo "quoted", three\n\nlong')
    assert [p.row for p in problems] == [6]  # the line in the file, not the row's number


def test_fewer_cells_than_columns_are_empty_cells(read):
    catalogue, problems = read("img,genres,title\na.jpg,Drama\nb.jpg,Drama,B,,,\n", FILES)
    assert problems == []
    assert list(catalogue.titles) == ["", "B"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.sets(st.sampled_from(["Action", "Drama", "Sci-Fi", "War"]), min_size=1), min_size=1, max_size=8),
    separator=st.sampled_from([",", ";", "\t"]),
    within=st.sampled_from([",", "|", "list"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    title=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12),
)
def test_any_dialect_is_read_back(read, rows, separator, within, newline, encoding, title):
    def cell(text):
        return '"' + text.replace('"', '""') + '"'

    genres = [repr(sorted(row)) if within == "list" else within.join(sorted(row)) for row in rows]
    lines = [["img", "genres", "title"], *([f"{i}.jpg", g, title] for i, g in enumerate(genres))]
    text = newline.join(separator.join(map(cell, line)) for line in lines)
    catalogue, problems = read(text.encode(encoding), [f"{i}.jpg" for i in range(len(rows))])
    assert problems == []
    assert sets(catalogue) == rows
    assert set(catalogue.titles) == {as_text(title)}  # `nil` and similar spellings are not titles
