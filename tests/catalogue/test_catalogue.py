from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keyart.catalogue.reader import read_catalogue

TABLE = """img,genres,title,year,film,split,score
a.jpg,Drama,A,1990,x,train,1
b.jpg,Drama|War,B,,x,val,2
c.jpg,War,,2001,y,test,3
"""
FILES = ("a.jpg", "b.jpg", "c.jpg")


@pytest.fixture
def catalogue(read):
    return read(TABLE, FILES)[0]


def test_columns_and_text(catalogue, folder):
    assert len(catalogue) == 3
    assert catalogue.source == folder / "t.csv"
    assert catalogue.paths == [folder / name for name in FILES]
    assert catalogue.genres.dtype == np.bool_
    assert catalogue.genre_text(1) == "Drama, War"
    assert list(catalogue.split) == ["train", "val", "test"]


@pytest.mark.parametrize("positions", [[2, 0], np.array([2, 0]), (2, 0)])
def test_select_keeps_rows_together(catalogue, positions):
    chosen = catalogue.select(positions)
    assert list(chosen.ids) == ["c", "a"]
    assert list(chosen.films) == ["y", "x"]
    assert list(chosen.titles) == ["", "A"]
    assert list(chosen.split) == ["test", "train"]
    assert list(chosen.years) == [2001.0, 1990.0]
    assert chosen.extra["score"].tolist() == [3, 1]
    assert list(chosen.rows) == [4, 2]
    assert chosen.extra.index.tolist() == [0, 1]
    assert chosen.genre_names == catalogue.genre_names
    assert [chosen.genre_text(i) for i in (0, 1)] == ["War", "Drama"]


def test_select_by_mask_and_nothing(catalogue):
    assert list(catalogue.select(catalogue.genres[:, 1]).ids) == ["b", "c"]
    assert len(catalogue.select([])) == 0
    assert len(catalogue.select(np.zeros(3, dtype=bool))) == 0


def test_fingerprint_knows_ids_genres_films_and_files_only(catalogue, folder):
    same = catalogue.fingerprint()
    assert len(same) == 64
    assert read_catalogue(folder / "t.csv")[0].fingerprint() == same
    assert (
        replace(catalogue, titles=catalogue.titles[::-1], years=catalogue.years + 1, root=Path("/")).fingerprint()
        == same
    )
    texts = np.array(["p", "q", "r"], dtype=object)
    others = [
        replace(catalogue, ids=texts),
        replace(catalogue, films=texts),
        replace(catalogue, files=texts),
        replace(catalogue, genres=~catalogue.genres),
        replace(catalogue, genre_names=("Drama", "Western")),
        catalogue.select([1, 0, 2]),
        catalogue.select([0, 1]),
        # Characters moved between neighbouring values: the lengths count, not only the concatenated text.
        replace(catalogue, ids=np.array(["a", "bc", ""], dtype=object)),
        replace(catalogue, ids=np.array(["ab", "c", ""], dtype=object)),
    ]
    prints = [other.fingerprint() for other in others]
    assert len({same, *prints}) == len(others) + 1


def test_fingerprint_is_the_same_from_every_shape_of_table(read):
    tables = [
        "img,genres\na.jpg,Drama\nb.jpg,Drama|War\nc.jpg,War\n",
        "img,Drama,War\na.jpg,1,0\nb.jpg,1,1\nc.jpg,0,1\n",
        "file;Genre;year\na;['Drama'];1990\nb;['War','Drama'];\nc;War;\n",
    ]
    assert len({read(table, FILES)[0].fingerprint() for table in tables}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"films": np.array(["x"], dtype=object)}, "films has 1 rows"),
        ({"genres": np.zeros((3, 5), dtype=bool)}, "genres is"),
        ({"genres": np.zeros((3, 2))}, "genres is float64"),
        ({"genre_names": ("War", "Drama")}, "sorted"),
        ({"ids": np.array(["a", "a", "b"], dtype=object)}, "unique"),
    ],
)
def test_columns_that_disagree_are_refused(catalogue, change, message):
    with pytest.raises(ValueError, match=message):
        replace(catalogue, **change)
