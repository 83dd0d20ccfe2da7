"""The films: their genres, their hidden factors, and what depends on what."""

from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from keyart_demo.casting import GENRES
from keyart_demo.eras import BY_NAME, ERA_NAMES
from keyart_demo.films import LABEL_NOISE, draw_film
from keyart_demo.table import choose_pairs

N = 1200


@pytest.fixture(scope="module")
def films():
    return [draw_film(0, i) for i in range(N)]


def test_genres_are_imbalanced_like_real_ones(films):
    counts = Counter(genre for film in films for genre in film.genres)
    assert set(counts) == set(GENRES)
    assert 0.28 < counts["Drama"] / N < 0.5
    assert 0.25 < counts["Comedy"] / N < 0.45
    assert [genre for genre, _ in counts.most_common(2)] == ["Drama", "Comedy"]
    assert counts["Western"] == min(counts.values())
    assert counts["Western"] >= 25
    sizes = Counter(len(film.genres) for film in films)
    assert set(sizes) == {1, 2, 3}
    assert min(sizes.values()) > 0.12 * N


def test_labels_are_noisy_but_not_much(films):
    wrong = np.mean([set(film.genres) != set(film.looks) for film in films])
    assert 0.6 * LABEL_NOISE < wrong < 1.4 * LABEL_NOISE
    assert 0.03 < wrong < 0.1


def test_years_lie_in_the_era(films):
    assert {film.era for film in films} == set(ERA_NAMES)
    for film in films:
        first, last = BY_NAME[film.era].years
        assert first <= film.year <= last


def shared_information(a, b) -> float:
    """Mutual information in bits, less the bias of a finite sample (the mean over shuffles)."""
    a, b = np.asarray(a), np.asarray(b)
    rng = np.random.default_rng(0)
    chance = np.mean([mutual_info_score(a, rng.permutation(b)) for _ in range(20)])
    return float((mutual_info_score(a, b) - chance) / np.log(2))


def test_era_and_series_tell_nothing_of_genre(films):
    firsts = [film for film in films if not film.reissue]
    eras, series = [film.era for film in firsts], [film.franchise for film in firsts]
    for genre in GENRES:
        has = [genre in film.genres for film in firsts]
        assert abs(shared_information(eras, has)) < 0.01
        assert abs(shared_information(series, has)) < 0.012
    assert abs(shared_information(eras, series)) < 0.04
    # The measure sees a dependence where there is one.
    assert shared_information(eras, [film.year // 10 for film in firsts]) > 1.5


def test_series_are_many_small_groups(films):
    sizes = Counter(film.franchise for film in films if film.franchise >= 0)
    assert 0.2 < sum(sizes.values()) / N < 0.4
    assert len(sizes) == 16
    assert max(sizes.values()) < 60


def test_a_film_is_a_pure_function_of_seed_and_number(films):
    assert [draw_film(0, i) for i in (0, 399, 1199)] == [films[i] for i in (0, 399, 1199)]
    assert draw_film(1, 5) != films[5]


def test_reissues_show_an_earlier_film(films):
    again = [film for film in films if film.reissue]
    assert 0.015 * N < len(again) < 0.05 * N
    assert {film.reissue for film in again} == {"recut", "other"}
    for film in again:
        first = films[film.film]
        assert film.film < film.number
        assert not first.reissue
        assert (film.title, film.genres, film.year, film.era) == (first.title, first.genres, first.year, first.era)
    assert all(film.film == film.number for film in films if not film.reissue)


def test_pairs_are_films_and_of_both_kinds(films):
    pairs = choose_pairs(0, N, 120)
    assert len(pairs) == 120
    assert Counter(kind for _, kind in pairs)["other"] in range(35, 86)
    assert all(not films[number].reissue for number, _ in pairs)
    few = dict(choose_pairs(0, N, 40))
    assert few.items() <= dict(pairs).items()
    assert len(choose_pairs(0, 10, 50)) == 10
