"""Histories: columns by name, normalised ids, and reported faults."""

import numpy as np
import pandas as pd
import pytest

from keyart.catalogue.history import read_history
from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError


@pytest.fixture
def write(tmp_path):
    def call(text, name="history.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return call


@pytest.mark.parametrize(
    "text",
    [
        "userId,imdb_id,rating,timestamp\n1,tt0117628,4.0,964980499\n2,tt0012345,0.5,\n",
        "User ID;movieId;imdbId;Rating;time\n1;7;117628;4;2000-07-30T18:08:19Z\n2;8;12345;.5;\n",
        "\ufeffuser_id\tfilm\tstars\tts\tnote\n1\ttt117628\t4\t964980499\t'x'\n2\tTT0012345\t0.50\t\t\n",
    ],
)
def test_columns_are_found_by_name(write, text):
    history = read_history(write(text))
    assert history.users.tolist() == ["1", "2"]
    assert history.ids.tolist() == ["tt0117628", "tt0012345"]
    assert history.ratings.tolist() == [4.0, 0.5]
    assert history.timestamps[0] == 964980499
    assert np.isnan(history.timestamps[1])
    assert history.liked().tolist() == [True, False]


def test_parquet_equals_csv_and_numbers_stay_ids(tmp_path, write):
    frame = pd.DataFrame({"userId": [3, 4], "movieId": [31, 1029], "rating": [2.5, 5.0]})
    frame.to_parquet(tmp_path / "history.parquet")
    frame.to_csv(tmp_path / "history.csv", index=False)
    one, other = read_history(tmp_path / "history.parquet"), read_history(tmp_path / "history.csv")
    assert one.users.tolist() == other.users.tolist() == ["3", "4"]
    assert one.ids.tolist() == other.ids.tolist() == ["31", "1029"]
    assert one.ratings.tolist() == other.ratings.tolist()
    assert one.timestamps is None


def test_without_ratings_every_event_is_a_like(write):
    history = read_history(write("user,item\na,x\nb,y\n"))
    assert history.ratings is None
    assert history.liked().all()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("imdb_id,rating\ntt1,3\n", ["userId", "`rating`"]),
        ("userId,rating\n1,3\n", ["imdb_id"]),
        ("userIdd,imdb_id\n1,tt1\n", ["userId", "rename `userIdd`"]),
        ("userId,imdb_id,rating\n1,tt1,4\n,tt2,3\n3,tt3,good\n", ["row 3", "row 4: 'good'", "`rating`"]),
        ("userId,imdb_id,timestamp\n1,tt1,soon\n", ["row 2: 'soon'"]),
        ("userId,imdb_id\n", ["no rows"]),
        ("userId,imdb_id\n1,tt1\n2,tt2,3,4\n", ["cannot be read", "row 3", "4 cells"]),
        ("userId,imdb_id\n2,tt2,3\n1,tt1\n", ["cannot be read", "row 2", "3 cells"]),
    ],
)
def test_faults_are_reported_in_one_line(write, text, named):
    path = write(text)
    with pytest.raises(InputError) as summary:
        read_history(path)
    for part in [str(path), *named]:
        assert part in str(summary.value)
    assert "\n" not in str(summary.value)


def test_no_such_table(tmp_path):
    with pytest.raises(InputError, match="history"):
        read_history(tmp_path / "nowhere.csv")


def test_films_match_by_film_then_by_id(poster_folder, write):
    table = pd.read_csv(poster_folder / "catalogue.csv").head(4)
    table["film"] = ["f1", "f1", "f2", "f3"]
    table.to_csv(poster_folder / "films.csv", index=False)
    catalogue, _ = read_catalogue(poster_folder / "films.csv", poster_folder / "posters")
    matched = read_history(write("user,item\n1,f1\n1,p0001\n2,p0003\n2,gone\n3,gone\n3,lost\n")).match_films(catalogue)
    assert matched.films.tolist() == ["f1", "f2", "f3"]
    assert matched.film_index.tolist() == [0, 0, 2, -1, -1, -1]
    assert matched.unknown_films == 2
    with pytest.raises(InputError, match=r"none of its 1 films \(gone"):
        read_history(write("user,item\n1,gone\n")).match_films(catalogue)
