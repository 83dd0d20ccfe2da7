"""Tables as users have them: printed lists, missing values, ids of several catalogues, 0/1 columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from keyart.catalogue.history import read_history
from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.splits import make_splits
from keyart.catalogue.values import MISSING, as_key, as_text, parse_genres
from keyart.errors import InputError

GENRES = st.lists(st.sampled_from(["Drama", "Sci-Fi", "Children's", "Film-Noir", "Música"]), unique=True)


def genres_of(catalogue):
    return [catalogue.genre_text(i) for i in range(len(catalogue))]


# Lists.


@given(GENRES)
def test_lists_as_numpy_and_pandas_print_them(names):
    array = np.array(names, dtype=object)
    dicts = np.array([{"id": i, "name": name} for i, name in enumerate(names)], dtype=object)
    series = pd.Series(names, dtype=object)
    strings = [np.str_(name) for name in names]
    with np.printoptions(linewidth=20):  # line breaks of a long list
        printed = [str(array), repr(array), repr(np.array(names)), str(dicts), repr(dicts)]
    for text in (
        *printed,
        repr(strings),
        repr(tuple(names)),
        repr([*names, float("nan"), None]),
        repr(series.array.tolist()),
        str([{"id": i, "name": name} for i, name in enumerate(names)]),
        repr(pd.Index(names, dtype=object)),
        f"[{', '.join(f'u{name!r}' for name in names)}]",
        " / ".join(names),
        " • ".join(names),
        "\n".join(names),
    ):
        assert parse_genres(text) == names, text


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("[{'id': 18, 'name': 'Drama'} {'id': 35, 'name': 'Comedy'}]", ["Drama", "Comedy"]),
        ("[np.str_('Drama')]", ["Drama"]),
        ('[numpy.str_("Drama"), np.str_("War")]', ["Drama", "War"]),
        ("np.str_('Drama')", ["Drama"]),
        ("np.str_('Drama')|War", ["Drama", "War"]),
        ("[{'id': 18, 'name': 'Drama'}, nan]", ["Drama"]),
        ("[{'name': 'Drama'}, {'name': nan}, <NA>]", ["Drama"]),
        ("array(['Drama', 'Comedy'], dtype=object)", ["Drama", "Comedy"]),
        ("array(['Drama', 'War'], dtype='<U5')", ["Drama", "War"]),
        ("np.array(['Drama'])", ["Drama"]),
        ("Index(['Drama', 'War'], dtype='object')", ["Drama", "War"]),
        ("frozenset({'Drama'})", ["Drama"]),
        ("array([], dtype=object)", []),
        ("set()", []),
        ("[nan]", []),
        ("{'id': 18, 'name': 'Drama'}", ["Drama"]),
        ('{"name": "Drama"}, {"name": "War"}', ["Drama", "War"]),
        ("{Drama,Comedy}", ["Drama", "Comedy"]),  # output of PostgreSQL
        ("Drama / Comedy", ["Drama", "Comedy"]),
        ("Action/Adventure", ["Action/Adventure"]),
    ],
)
def test_lists_of_all_sorts(cell, names):
    assert parse_genres(cell) == names


@pytest.mark.parametrize(
    "cell",
    [
        *("{'id': 18", "'name': 'Drama'}", "Comedy']", "np.str_('Drama'", "Drama|[War"),
        *("[['Drama']]", "['[Drama]']", "Drama}", "[{'id': 18}]", "array(['Drama'", "['Drama' ... 'War']", "Drama)"),
        *('"name": "Drama"', "[<Genre.DRAMA: 18>]", "{'Drama': 1}"),
    ],
)
def test_pieces_of_lists_are_faults_of_their_row(read, cell):
    with pytest.raises(ValueError):
        parse_genres(cell)
    text = pd.DataFrame({"img": ["a.jpg", "b.jpg"], "genres": [cell, "War"]}).to_csv(index=False)
    catalogue, problems = read(text, ["a.jpg", "b.jpg"])
    assert [(p.row, p.kind) for p in problems] == [(2, "unreadable genres")]
    assert catalogue.genre_names == ("War",)


def test_a_list_that_parquet_holds_is_looked_at_too(folder):
    for name in ("a.jpg", "b.jpg"):
        (folder / name).touch()
    pd.DataFrame({"img": ["a.jpg", "b.jpg"], "genres": [["{'id': 18", "'name': 'Drama'}"], ["War"]]}).to_parquet(
        folder / "t.parquet"
    )
    catalogue, problems = read_catalogue(folder / "t.parquet")
    assert [p.kind for p in problems] == ["unreadable genres"]
    assert catalogue.genre_names == ("War",)


def test_columns_that_are_named_by_lists_are_refused(read):
    """`pandas.get_dummies` creates such names if lists were not split."""
    with pytest.raises(InputError, match=r"`\['Drama'\]` names no genre"):
        read("img,['Drama'],['War']\na.jpg,1,0\nb.jpg,0,1\n", ["a.jpg", "b.jpg"])


def test_hundreds_of_genres_that_occur_once_get_a_remark(read):
    rows = "".join(f"{i}.jpg,keyword {i}|Drama\n" for i in range(150))
    catalogue, problems = read(f"img,genres\n{rows}", [f"{i}.jpg" for i in range(150)])
    assert problems == []
    assert [r.kind for r in catalogue.remarks] == ["rare genres"]
    assert "150 of 151" in catalogue.remarks[0].detail
    few, _ = read("img,genres\na.jpg,Drama|X\nb.jpg,War|Y\n", ["a.jpg", "b.jpg"])
    assert few.remarks == ()


# Missing values.


@pytest.mark.parametrize("spelling", sorted(MISSING - {""}))
@pytest.mark.parametrize("change", [str, str.upper, str.title])
def test_a_missing_value_is_one_in_every_column(read, folder, spelling, change):
    cell = change(spelling)
    row = f"a.jpg,{cell},{cell},{cell},{cell},{cell},Drama|{cell},{cell}\n"
    other = row.replace("a.jpg", "b.jpg")
    header = "img,id,imdb_id,film,title,year,genres,note\n"
    catalogue, problems = read(header + row + other, ["a.jpg", "b.jpg"])
    assert problems == []
    assert list(catalogue.ids) == list(catalogue.films) == ["a", "b"]  # not one film
    assert list(catalogue.titles) == ["", ""]
    assert np.isnan(catalogue.years).all()
    assert catalogue.genre_names == ("Drama",)
    assert pd.isna(catalogue.extra["note"].replace("", np.nan)).all()
    _, problems = read(f"img,genres\na.jpg,Drama\n{cell},Drama\n", ["a.jpg"])
    assert [p.kind for p in problems] == ["no image name"]
    (folder / "h.csv").write_text(f"user,film,rating,timestamp\n1,x,5,{cell}\n2,y,4,\n")
    assert np.isnan(read_history(folder / "h.csv").timestamps).all()
    (folder / "h.csv").write_text(f"user,film,rating\n1,x,5\n{cell},{cell},{cell}\n")
    with pytest.raises(InputError, match=r"row 3.*row 3.*row 3"):
        read_history(folder / "h.csv")


def test_a_film_may_be_called_unknown_but_is_none_of_that_name(read):
    catalogue, _ = read(
        "img,genres,title,film\na.jpg,War|unknown,Unknown,unknown\nb.jpg,War,x,unknown\n", ["a.jpg", "b.jpg"]
    )
    assert list(catalogue.titles) == ["Unknown", "x"]
    assert list(catalogue.films) == ["a", "b"]
    assert catalogue.genre_names == ("War",)


def test_posters_without_a_film_are_dealt_apart(read):
    rows = "".join(f"{i}.jpg,{'Drama' if i % 2 else 'War'},N/A\n" for i in range(60))
    catalogue, _ = read(f"img,genres,film\n{rows}", [f"{i}.jpg" for i in range(60)])
    splits = make_splits(catalogue, val=0.2, test=0.2, seed=0)
    assert sorted(np.unique(splits, return_counts=True)[1]) == [12, 12, 36]


# Ids.


@pytest.mark.parametrize(
    ("table", "files", "shown"),
    [
        # Ids of TMDB and of IMDb: 114709 is a different film in each.
        (
            "id,imdb_id\n862,tt0114709\n114709,tt0399877\n",
            ["862.jpg", "114709.jpg"],
            {"862": "862.jpg", "114709": "114709.jpg"},
        ),
        (
            "id,imdb_id\n862,114709\n114709,399877\n",
            ["862.jpg", "114709.jpg"],
            {"862": "862.jpg", "114709": "114709.jpg"},
        ),
        (
            "imdbId,id\n0114709,862\n0399877,114709\n",
            ["862.png", "114709.png"],
            {"862": "862.png", "114709": "114709.png"},
        ),
        # Here IMDb ids without `tt` name the files.
        (
            "id,imdb_id\n862,114709\n114709,399877\n",
            ["114709.jpg", "399877.jpg"],
            {"862": "114709.jpg", "114709": "399877.jpg"},
        ),
        (
            "id,imdb_id\n862,tt0114709\n114709,tt0399877\n",
            ["0114709.jpg", "0399877.jpg"],
            {"862": "0114709.jpg", "114709": "0399877.jpg"},
        ),
        # Files of both kinds: `tt` marks the IMDb ids.
        (
            "id,imdb_id\n862,tt0114709\n114709,tt0399877\n",
            ["tt0114709.jpg", "114709.jpg"],
            {"862": "tt0114709.jpg", "114709": "114709.jpg"},
        ),
        # The numbers of another column name the files.
        (
            "tmdbId,imdbId\n862,114709\n114709,399877\n",
            ["862.jpg", "114709.jpg"],
            {"tt0114709": "862.jpg", "tt0399877": "114709.jpg"},
        ),
        (
            "movieId,imdbId\n862,tt0114709\n114709,tt0399877\n",
            ["862.jpg", "114709.jpg"],
            {"tt0114709": "862.jpg", "tt0399877": "114709.jpg"},
        ),
    ],
)
def test_a_number_is_an_id_of_its_own_column_only(read, table, files, shown):
    header, *rows = table.splitlines()
    catalogue, problems = read("\n".join([f"{header},genres", *(f"{row},Drama" for row in rows)]), files)
    assert problems == []
    assert dict(zip(catalogue.ids, catalogue.files, strict=True)) == shown


def test_a_poster_that_is_not_there_is_not_replaced_by_anothers(read):
    table = "id,imdb_id,genres\n862,tt0114709,Drama\n114709,tt0399877,War\n5,tt0000005,War\n"
    catalogue, problems = read(table, ["114709.jpg", "5.jpg"])
    assert list(catalogue.ids) == ["114709", "5"]
    assert [(p.row, p.kind) for p in problems] == [(2, "missing image")]
    table = "img,id,genres\ntt0114709.jpg,862,Drama\nx.jpg,114709,War\n114709.jpg,7,War\n"
    catalogue, problems = read(table, ["114709.jpg", "x.jpg"])
    assert [(p.row, p.kind) for p in problems] == [(2, "missing image")]


def test_ids_that_became_floats_are_whole_numbers_again(read, folder):
    assert [as_key(one) for one in ("862.0", 862.0, "862.5", "v2.0")] == ["862", "862", "862.5", "v2.0"]
    catalogue, problems = read("id,genres\n862.0,Drama\n5.0,War\n", ["862.jpg", "5.jpg"])
    assert problems == []
    assert list(catalogue.ids) == ["862", "5"]
    (folder / "h.csv").write_text("user,id\n1.0,862\n,5\n".replace("\n,", "\n2.0,"))
    history = read_history(folder / "h.csv")
    assert history.users.tolist() == ["1", "2"]
    assert history.match_films(catalogue).film_index.tolist() == [0, 1]


def test_a_history_joins_the_column_of_its_own_name(read, folder):
    catalogue, _ = read("id,movieId,img,genres\n862,1,a.jpg,Drama\n1,862,b.jpg,War\n", ["a.jpg", "b.jpg"])
    for column, films in (("movieId", [1, 0]), ("id", [0, 1]), ("posterId", [0, 1])):
        (folder / "h.csv").write_text(f"userId,{column}\n7,862\n7,1\n")
        assert read_history(folder / "h.csv").match_films(catalogue).film_index.tolist() == films, column
    catalogue, _ = read("id,film,img,genres\nx,y,a.jpg,Drama\ny,z,b.jpg,War\n", ["a.jpg", "b.jpg"])
    for column, film in (("film", 0), ("item", 0), ("id", 1)):
        (folder / "h.csv").write_text(f"userId,{column}\n7,y\n")
        assert read_history(folder / "h.csv").match_films(catalogue).film_index.tolist() == [film], column


@pytest.mark.parametrize("column", ["imdb_id", "imdbId", "tconst"])
def test_artworks_of_one_film_stay_together_and_histories_find_it(read, folder, column):
    rows = "".join(
        f"a{i}-{n},tt{i:07d},a{i}-{n}.jpg,{'Drama' if i % 3 else 'War'}\n" for i in range(1, 41) for n in (0, 1)
    )
    files = [f"a{i}-{n}.jpg" for i in range(1, 41) for n in (0, 1)]
    catalogue, problems = read(f"id,{column},img,genres\n{rows}", files)
    assert problems == []
    splits = make_splits(catalogue, val=0.2, test=0.2, seed=3)
    pairs = splits.reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    (folder / "h.csv").write_text("userId,imdb_id\n1,tt0000007\n1,9\n")
    matched = read_history(folder / "h.csv").match_films(catalogue)
    assert [matched.films[at] for at in matched.film_index] == ["tt0000007", "tt0000009"]


def test_a_film_that_only_some_rows_name(read, folder):
    table = (
        "id,imdb_id,film,img,genres\n1,tt1,heat,a.jpg,War\n2,tt0000001,N/A,b.jpg,War\n3,2,,c.jpg,War\n4,,,d.jpg,War\n"
    )
    catalogue, _ = read(table, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    assert list(catalogue.films) == ["heat", "heat", "tt0000002", "4"]
    (folder / "h.csv").write_text("userId,imdb_id\n1,1\n1,2\n")
    assert read_history(folder / "h.csv").match_films(catalogue).film_index.tolist() == [0, 1]


# 0/1 columns.


@pytest.mark.parametrize("name", ["adult", "isAdult", "is_adult", "Adult", "video", "NSFW", "has_poster", "isSeries"])
def test_known_flags_are_no_genres(read, name):
    catalogue, _ = read(f"img,{name},Drama,Comedy\na.jpg,1,1,0\nb.jpg,0,0,1\n", ["a.jpg", "b.jpg"])
    assert catalogue.genre_names == ("Comedy", "Drama")
    assert catalogue.remarks == ()
    assert list(catalogue.extra.columns) == [name]


def test_unknown_flags_and_constant_columns_get_a_remark(read):
    table = "img,english,dubbed,Drama,Comedy\na.jpg,1,0,1,0\nb.jpg,1,1,1,1\nc.jpg,1,1,1,1\n"
    catalogue, problems = read(table, ["a.jpg", "b.jpg", "c.jpg"])
    assert problems == []
    assert catalogue.genre_names == ("Comedy", "Drama", "dubbed")
    assert [(r.row, r.kind) for r in catalogue.remarks] == [
        *[(1, "constant column")] * 2,  # english, which is left out, and Drama, which is a usual genre and stays
        (1, "unusual genre"),
    ]
    assert "`english`" in catalogue.remarks[0].detail
    assert "left out" in catalogue.remarks[0].detail
    assert "left out" not in catalogue.remarks[1].detail
    assert "`dubbed`" in catalogue.remarks[2].detail
    catalogue, _ = read("img,genre_Adult,genre_english\na.jpg,1,1\nb.jpg,0,1\n", ["a.jpg", "b.jpg"])
    assert catalogue.genre_names == ("Adult", "english")  # named as genres


# Paths.


@pytest.mark.parametrize("column", ["poster_path", "img"])
@pytest.mark.parametrize(
    "written", ["/a.jpg", "\\a.jpg", "/sub/b.jpg", "{folder}/a.jpg", "{folder}/sub/b.jpg", "{link}/a.jpg"]
)
def test_paths_that_begin_at_the_folder(read, folder, tmp_path_factory, column, written):
    link = tmp_path_factory.mktemp("links") / "posters"
    link.symlink_to(folder)
    (folder / "sub").mkdir()
    (folder / "sub" / "b.jpg").touch()
    written = written.format(folder=folder, link=folder.resolve())
    (folder / "a.jpg").touch()
    (folder / "t.csv").write_text(f"{column},genres\n{written},Drama\n")
    for root in (folder, link):
        catalogue, problems = read_catalogue(folder / "t.csv", root)
        assert problems == []
        assert catalogue.paths[0].samefile(folder / ("sub/b.jpg" if "sub" in written else "a.jpg"))
        assert not catalogue.files[0].startswith("/")


@pytest.mark.parametrize(
    "written", ["/etc/passwd", "{folder}-other/b.jpg", "{folder}/../x/b.jpg", "/../b.jpg", "C:\\b.jpg", "{folder}"]
)
def test_paths_that_lead_elsewhere(read, folder, written):
    other = folder.with_name(f"{folder.name}-other")
    other.mkdir()
    (other / "b.jpg").touch()
    _, problems = read(f"img,genres\na.jpg,War\n{written.format(folder=folder)},Drama\n", ["a.jpg"])
    assert [(p.row, p.kind) for p in problems] == [(3, "path outside the folder")]


# Ratings.


@pytest.mark.parametrize(
    ("ratings", "best", "liked_from"),
    [
        ((0.5, 4, 5), 5, 4),  # Letterboxd, MovieLens
        ((2, 7, 10), 10, 8),  # MovieTweetings, IMDb
        ((0, 1, 1), 1, 1),  # thumbs
        ((0.2, 0.9), 1, 0.8),
        ((35, 80, 99), 100, 80),
    ],
)
def test_the_scale_is_found_from_the_data(folder, ratings, best, liked_from):
    rows = "".join(f"1,f{i},{rating}\n" for i, rating in enumerate(ratings))
    (folder / "h.csv").write_text(f"userId,film,rating\n{rows}")
    history = read_history(folder / "h.csv")
    assert (history.scale.best, history.scale.liked_from, history.scale.found) == (best, liked_from, True)
    assert history.liked().tolist() == [rating >= liked_from for rating in ratings]
    np.testing.assert_allclose(history.stars, np.array(ratings) * 5 / best)
    assert f"on a scale up to {best:g} (inferred from the data), liked from {liked_from:g} on" in history.summary


def test_the_scale_can_be_set(folder):
    (folder / "h.csv").write_text("userId;film;rating\n1;a;3\n1;b;4,5\n")
    history = read_history(folder / "h.csv", scale=10)
    assert (history.scale.best, history.scale.liked_from, history.scale.found) == (10, 8, False)
    assert history.liked().tolist() == [False, False]
    assert history.stars.tolist() == [1.5, 2.25]
    assert read_history(folder / "h.csv", liked_from=3.5).liked().tolist() == [False, True]
    for options, named in (
        ({"scale": 4}, "rating_scale=4: .* up to 4.5"),
        ({"scale": 0}, "rating_scale=0"),
        ({"liked_from": 6}, "liked_from=6"),
    ):
        with pytest.raises(InputError, match=named):
            read_history(folder / "h.csv", **options)


@pytest.mark.parametrize("ratings", [(-1, 8), (3, 101)])
def test_ratings_of_no_known_scale_are_refused(folder, ratings):
    (folder / "h.csv").write_text("userId,film,rating\n" + "".join(f"1,f{r},{r}\n" for r in ratings))
    with pytest.raises(InputError, match=f"from {ratings[0]} to {ratings[1]} do not fit a known scale.*`rating_scale`"):
        read_history(folder / "h.csv")


def test_every_row_of_a_history_is_an_event_or_refused(folder):
    (folder / "h.csv").write_text('user,film,note\n1,tt0000001,"a\n2,tt0000002,b"\n3,tt0000003,c\n')
    with pytest.raises(InputError, match=r"swallowed rows \(row 2"):
        read_history(folder / "h.csv")
    (folder / "h.csv").write_text("sep=;\nuser;film\n1;a\n\n2;b\n")
    assert "2 rows = 2 events + 0 faults" in read_history(folder / "h.csv").summary


def test_text_of_a_cell(folder):
    assert [as_text(x) for x in ("\\N", "NaT", "#N/A", pd.NaT, None, float("nan"), "No", "Nil desperandum")] == [
        *("", "", "", "", "", "", "No", "Nil desperandum")
    ]
