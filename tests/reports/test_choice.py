"""Tests of the choice of query posters, neighbours and pairs."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from keyart.reports.contrasting_pairs import dissimilar_same_genres, similar_other_genres
from keyart.reports.gallery_queries import choose_queries
from keyart.reports.neighbours import describe, find_neighbours, shared_genres
from keyart.retrieval.titles import display_title
from keyart.utils.vectors import normalise_rows


def random_posters(n=120, genres=5, size=6, seed=0):
    rng = np.random.default_rng(seed)
    has = rng.random((n, genres)) < 0.3
    has[np.arange(n), rng.integers(0, genres, n)] = True
    return rng.normal(size=(n, size)).astype(np.float32), has


def coverage(embeddings, chosen):
    unit = normalise_rows(embeddings)
    return (unit @ unit[chosen].T).max(1).mean()


def test_drivers_are_distinct_cover_the_genres_and_represent_better_than_chance():
    embeddings, genres = random_posters()
    chosen = choose_queries(embeddings, genres, 5)
    assert len(set(chosen.tolist())) == 5
    assert genres[chosen].any(0).all()
    assert len(np.unique(genres[chosen], axis=0)) == 5
    rng = np.random.default_rng(1)
    luck = [coverage(embeddings, rng.choice(120, 5, replace=False)) for _ in range(200)]
    assert coverage(embeddings, chosen) > np.quantile(luck, 0.9)


def test_the_first_choice_is_the_medoid_of_the_rarest_genre():
    embeddings, genres = random_posters(seed=3)
    rarest = int(genres.sum(0).argmin())
    members = np.flatnonzero(genres[:, rarest])
    unit = normalise_rows(embeddings)
    naive = max(members, key=lambda m: sum(float(unit[i] @ unit[m]) for i in members))
    assert choose_queries(embeddings, genres, 5)[-1] == naive


def test_drivers_do_not_depend_on_scale_and_repeat_exactly():
    embeddings, genres = random_posters(seed=4)
    scale = np.linspace(0.5, 3, len(embeddings))[:, None]
    first = choose_queries(embeddings, genres, 8)
    np.testing.assert_array_equal(first, choose_queries(embeddings, genres, 8))
    np.testing.assert_array_equal(first, choose_queries(embeddings * scale, genres, 8))


def test_near_duplicates_are_not_both_drivers():
    # Two clusters; the first has three copies of one poster, which would be the medoid of all.
    embeddings = np.array([[1, 0], [1, 0], [1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], dtype=np.float32)
    genres = np.array([[1, 0], [1, 1], [0, 1], [1, 1], [0, 1], [1, 0]], dtype=bool)
    chosen = choose_queries(embeddings, genres, 4, groups=[7, 7, 7, 1, 2, 3])
    assert np.isin([0, 1, 2], chosen).sum() == 1


@pytest.mark.parametrize("n", [1, 3])
def test_few_posters_are_all_chosen_once(n):
    embeddings, genres = random_posters(n=n)
    assert sorted(choose_queries(embeddings, genres, 8).tolist()) == list(range(n))


def test_posters_without_genres_can_still_be_chosen():
    embeddings, genres = random_posters(n=20)
    assert len(set(choose_queries(embeddings, np.zeros_like(genres), 3).tolist())) == 3


def test_many_posters_are_thinned_out_evenly():
    embeddings, genres = random_posters(n=4100)
    chosen = choose_queries(embeddings, genres, 5)
    assert (chosen % 3 == 0).all()
    assert chosen.max() > 2000


def test_neighbours_equal_a_naive_ranking_and_never_hold_the_query(catalogue):
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(24, 5)).astype(np.float32)
    embeddings[3] = embeddings[9] = embeddings[4]  # copies of a query must not hide it from the exclusion
    gallery = np.array([1, 3, 4, 6, 7, 9, 10, 12, 15, 20])
    found = find_neighbours(embeddings, catalogue, gallery, [4, 12], k=5)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    for row, query in enumerate((4, 12)):
        others = [int(g) for g in gallery if g != query]
        naive = sorted(others, key=lambda o: (-round(float(unit[o] @ unit[query]), 5), catalogue.ids[o]))[:5]
        assert found.neighbours[row].tolist() == naive
        np.testing.assert_allclose(found.cosines[row], [unit[o] @ unit[query] for o in naive], atol=1e-6)
    assert found.neighbours[0, :2].tolist() == [3, 9]  # a tie, by id
    pairs = (unit[gallery] @ unit[gallery].T)[np.triu_indices(len(gallery), 1)]
    naive = [[(pairs < cosine - 2e-6).mean() for cosine in row] for row in found.cosines]
    np.testing.assert_allclose(found.closer_than, naive, atol=1e-9)


def test_near_duplicates_and_other_posters_of_the_film_are_marked(catalogue):
    films = catalogue.films.copy()
    films[5] = films[0]
    groups = np.arange(24)
    groups[2] = groups[0]
    found = find_neighbours(np.eye(24), replace(catalogue, films=films), np.arange(8), [0], k=10, groups=groups)
    marked = dict(
        zip(found.neighbours[0].tolist(), zip(found.duplicate[0], found.same_film[0], strict=True), strict=True)
    )
    assert marked == {i: (i == 2, i == 5) for i in range(1, 8)}


def test_a_lonely_poster_has_no_neighbours(catalogue):
    assert find_neighbours(np.eye(24), catalogue, [3], [3]).neighbours.shape == (1, 0)


def test_shared_genres_come_first(catalogue):
    genres = np.zeros_like(catalogue.genres)
    genres[0, [2]] = genres[1, [0, 2]] = True
    other = replace(catalogue, genres=genres)
    assert shared_genres(other, 0, 1) == [(catalogue.genre_names[2], True), (catalogue.genre_names[0], False)]


def test_posters_are_described_by_what_is_known(catalogue):
    titles, years = catalogue.titles.copy(), catalogue.years.copy()
    titles[0], years[0], titles[1], years[1] = "Piano, The", 1993.0, "", np.nan
    known = replace(catalogue, titles=titles, years=years)
    assert describe(known, 0) == f"The Piano, 1993, {catalogue.genre_text(0)}"
    assert describe(known, 1) == f"{catalogue.ids[1]}, {catalogue.genre_text(1)}"
    assert display_title("Goodbye, Lenin") == "Goodbye, Lenin"


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("tile", [7, 1024])
def test_pairs_are_the_extremes_without_repetition(alike, tile, monkeypatch):
    monkeypatch.setattr("keyart.reports.contrasting_pairs.TILE", tile)
    embeddings, genres = random_posters(n=60, genres=4, seed=2)
    groups = np.arange(60) // 2
    pairs = (similar_other_genres if alike else dissimilar_same_genres)(embeddings, genres, 5, groups)
    unit = normalise_rows(embeddings)
    allowed = {
        (a, b): float(unit[a] @ unit[b])
        for a, b in itertools.combinations(range(60), 2)
        if groups[a] != groups[b] and (not (genres[a] & genres[b]).any() if alike else (genres[a] == genres[b]).all())
    }
    best = max(allowed.values()) if alike else min(allowed.values())
    assert pairs[0].cosine == pytest.approx(best, abs=1e-5)
    assert len(pairs) == 5
    seen = [side for pair in pairs for side in (pair.first, pair.second)]
    assert len(set(seen)) == 10
    for pair in pairs:
        assert allowed[pair.first, pair.second] == pytest.approx(pair.cosine, abs=1e-5)
    cosines = [pair.cosine for pair in pairs]
    assert cosines == sorted(cosines, reverse=alike)
    kinds = {frozenset((genres[p.first].tobytes(), genres[p.second].tobytes())) for p in pairs}
    assert len(kinds) == 5


def test_genre_sets_repeat_only_when_no_other_is_left():
    embeddings, genres = random_posters(n=20, genres=1)
    assert len(dissimilar_same_genres(embeddings, genres, 3)) == 3
    assert similar_other_genres(embeddings, genres, 3) == []
    assert dissimilar_same_genres(embeddings[:1], genres[:1], 3) == []
