import json
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from keyart.catalogue.values import parse_genres, parse_imdb_id, parse_split, parse_year, split_title

GENRE = st.sampled_from(["Action", "Sci-Fi", "Film-Noir", "Children's", "Rom Com", "Drama", "Música", "007"])


@given(st.lists(GENRE, unique=True, min_size=1), st.sampled_from([",", "|", ";", ", ", " | "]))
def test_every_separator(names, separator):
    assert parse_genres(separator.join(names)) == names


@given(st.lists(GENRE, unique=True))
def test_every_list(names):
    for value in (
        repr(names),
        repr(tuple(names)),
        json.dumps(names),
        names,
        tuple(names),
        np.array(names, dtype=object),
    ):
        assert parse_genres(value) == names
    assert parse_genres(json.dumps([{"id": 1, "name": name} for name in names])) == names
    if names:
        assert sorted(parse_genres(repr(set(names)))) == sorted(names)


@pytest.mark.parametrize(
    ("cell", "genres"),
    [
        ("['Action' 'Drama']", ["Action", "Drama"]),  # as NumPy prints it; Python would read 'ActionDrama'
        ("[Action, Drama]", ["Action", "Drama"]),
        ("['Drama']", ["Drama"]),
        ("('Drama')", ["Drama"]),
        (" Drama ,  comedy,drama,,", ["Drama", "comedy"]),
        ("Drama,N/A", ["Drama"]),
        ('"Drama","Comedy"', ["Drama", "Comedy"]),
        ("Science   Fiction", ["Science Fiction"]),
        ("['Children\\'s', \"Sci-Fi\"]", ["Children's", "Sci-Fi"]),
    ],
)
def test_genre_spellings(cell, genres):
    assert parse_genres(cell) == genres


@pytest.mark.parametrize(
    "cell", ["", "  ", "N/A", "nan", "None", "[]", "()", "['']", "\\N", "(no genres listed)", "-", "Unknown", ",", None]
)
def test_no_genres(cell):
    assert parse_genres(cell) == []


def test_missing_cells_of_parquet_hold_no_genres():
    assert parse_genres(math.nan) == parse_genres(np.array([])) == []


@pytest.mark.parametrize("cell", ["['Action', 'Dra", "['Action', ['Drama']]", "{'Drama': 1}", '[{"id": 1}]'])
def test_unreadable_genres(cell):
    with pytest.raises(ValueError):
        parse_genres(cell)


@given(st.integers(1, 99_999_999))
def test_imdb_ids_have_one_spelling(number):
    want = f"tt{number:07d}"
    for written in (
        str(number),
        f"{number:07d}",
        f"{number:09d}",
        want,
        want.upper(),
        f"tt{number}",
        f" {number}.0 ",
        number,
    ):
        assert parse_imdb_id(written) == want
    assert parse_imdb_id(f"http://www.imdb.com/title/tt{number}/?ref_=fn") == want


@pytest.mark.parametrize("text", ["", "nm0000158", "tt", "tt12a", "poster", "12.5", "-3"])
def test_not_an_imdb_id(text):
    assert parse_imdb_id(text) is None


@pytest.mark.parametrize(
    ("cell", "year"),
    [
        *(("1995", 1995), (1995.0, 1995), ("1995.0", 1995), ("(1995)", 1995), ("1995-", 1995), ("1995–1999", 1995)),
        *(("1995-10-30", 1995), ("1995-10-30 00:00:00", 1995), ("30/10/1995", 1995), ("", math.nan), ("N/A", math.nan)),
    ],
)
def test_years(cell, year):
    np.testing.assert_equal(parse_year(cell), float(year))


@pytest.mark.parametrize("cell", ["19", "nineteen", "19955", "0", "1066", "3000", "95-10-30"])
def test_not_a_year(cell):
    with pytest.raises(ValueError, match="not a year"):
        parse_year(cell)


@pytest.mark.parametrize(
    ("written", "title", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995.0),
        ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009.0),
        ("Friends (1994–2004)", "Friends", 1994.0),
        ("Blade Runner 2049", "Blade Runner 2049", math.nan),
        ("Room (3000)", "Room (3000)", math.nan),
        ("(1995)", "(1995)", math.nan),
        ("", "", math.nan),
    ],
)
def test_titles_part_from_their_years(written, title, year):
    np.testing.assert_equal(split_title(written), (title, year))


def test_split_names():
    assert [parse_split(name) for name in ("train", " TRAINING", "Val", "valid", "validation", "test", "Testing")] == [
        *("train", "train", "val", "val", "val", "test", "test")
    ]
    assert parse_split("") is parse_split("dev") is parse_split(None) is None
