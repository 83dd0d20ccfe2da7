"""Co-watch metrics, compared with loops over sets of users."""

from types import SimpleNamespace

import numpy as np
import pytest

from keyart.catalogue.history import History, read_history
from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError
from keyart.recommend.cowatch import co_watched, concatenate_unit
from keyart.utils.vectors import normalise_rows
from tests.metrics import naive


def made(seed=0, posters=14, users=9, events=120):
    """Create a catalogue with some films of two consecutive posters, and a history with repeated events."""
    rng = np.random.default_rng(seed)
    films = np.array([f"f{i:02d}" for i in rng.integers(0, posters - 3, posters)], dtype=object)
    ids = np.array([f"p{i:02d}" for i in rng.permutation(posters)], dtype=object)
    catalogue = SimpleNamespace(source=SimpleNamespace(name="films.csv"), ids=ids, films=films, extra={})
    names = np.array([*films, "gone"], dtype=object)
    users_ = np.array([f"u{i}" for i in rng.integers(0, users, events)], dtype=object)
    ratings = rng.choice([2.0, 3.5, 4.0, 5.0], events)
    return catalogue, History("history.csv", users_, rng.choice(names, events), ratings, None)


def fans(history, film, at_least=4.0):
    rows = zip(history.users, history.ids, history.ratings, strict=True)
    return {user for user, one, rating in rows if one == film and rating >= at_least}


def naive_ndcg(gain, order, others, k):
    weight = 1 / np.log2(np.arange(2, k + 2))
    best = sorted((gain[j] for j in others), reverse=True)[:k]
    ideal = sum(w * g for w, g in zip(weight, best, strict=False))
    return sum(w * gain[j] for w, j in zip(weight, order, strict=False)) / ideal if ideal else np.nan


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 3, 10])
def test_ndcg_and_chance_equal_loops(seed, k):
    catalogue, history = made(seed)
    watched = co_watched(history, catalogue, min_users=2)
    expected_films = sorted(film for film in set(catalogue.films) if len(fans(history, film)) >= 2)
    assert watched.films.tolist() == expected_films
    assert watched.unknown_films == ("gone" in history.ids)
    vectors = np.random.default_rng(seed).integers(-1, 2, (len(watched), 3)).astype(np.float32)
    got, chance = watched.ndcg(vectors, k), watched.chance(k)
    for i, film in enumerate(watched.films):
        gain = []
        for other in watched.films:
            a, b = fans(history, film), fans(history, other)
            gain.append(len(a & b) / np.sqrt(len(a) * len(b)))
        others = [j for j in range(len(watched)) if j != i]
        order = naive.ranking(vectors, list(watched.films), i, others)
        np.testing.assert_allclose(got[i], naive_ndcg(gain, order, others, k), atol=1e-9)
        rng = np.random.default_rng(1)
        weight = 1 / np.log2(np.arange(2, k + 2))[: len(others)]
        ideal = (np.sort([gain[j] for j in others])[::-1][:k] * weight[:k]).sum()
        mean = np.mean([gain[j] for j in others])
        np.testing.assert_allclose(chance[i], mean * weight.sum() / ideal if ideal else np.nan, atol=1e-9)
        if i == 0 and ideal:
            drawn = [naive_ndcg(gain, rng.permutation(others), others, k) for _ in range(3000)]
            assert abs(np.mean(drawn) - chance[0]) < 5 * np.std(drawn) / np.sqrt(3000) + 1e-9


def test_a_split_holds_its_own_films_and_posters():
    catalogue, history = made(3)
    watched = co_watched(history, catalogue, min_users=2)
    inside = np.arange(0, 14, 2)
    part = watched.within(inside)
    kept = [film for film in watched.films if film in set(catalogue.films[inside])]
    assert part.films.tolist() == kept
    for film, own in zip(part.films, part.posters, strict=True):
        assert own.tolist() == [at for at in inside if catalogue.films[at] == film]
    whole = np.eye(len(watched))[:, :4] + 0.1
    again = watched.within(np.arange(14))
    np.testing.assert_array_equal(again.ndcg(whole), watched.ndcg(whole))
    where = [watched.films.tolist().index(film) for film in part.films]
    for a, fan in enumerate(where):
        mine = set(part.liked[part.liked[:, 0] == a, 1])
        assert mine == set(watched.liked[watched.liked[:, 0] == fan, 1])


def test_a_film_of_several_posters_is_their_mean():
    catalogue, history = made(3)
    watched = co_watched(history, catalogue, min_users=2)
    vectors = np.random.default_rng(0).normal(size=(14, 5))
    got = watched.of_films(vectors)
    for row, own in zip(got, watched.posters, strict=True):
        mean = sum(vectors[i] / np.linalg.norm(vectors[i]) for i in own)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)
    assert any(len(own) > 1 for own in watched.posters)


def test_knowing_the_gains_is_perfect_and_beats_chance():
    catalogue, history = made(1, events=400)
    watched = co_watched(history, catalogue, min_users=2)
    columns = np.zeros((len(watched), watched.users))
    columns[watched.liked[:, 0], watched.liked[:, 1]] = 1
    np.testing.assert_allclose(watched.ndcg(columns), 1.0)
    assert (watched.chance() < 1).all()


def test_too_few_films_are_refused():
    catalogue, history = made(0)
    with pytest.raises(InputError, match=r"history\.csv: 0 films of films\.csv are liked .* 100 users"):
        co_watched(history, catalogue, min_users=100)


@pytest.mark.parametrize("blind", [False, True], ids=["genres", "random"])
@pytest.mark.posters
def test_real_histories_know_genres(posters_dir, blind):
    """625 of the films have ten users who liked them; genres predict co-watching, random vectors do not."""
    catalogue, _ = read_catalogue(posters_dir / "catalogue.csv", posters_dir / "posters")
    watched = co_watched(read_history(posters_dir / "watch_history.csv"), catalogue)
    assert len(watched) == 625
    genres = catalogue.genres[[own[0] for own in watched.posters]]
    values = watched.ndcg(np.random.default_rng(0).normal(size=(625, 64)) if blind else genres.astype(np.float32))
    assert values.mean() == pytest.approx(0.30 if blind else 0.41, abs=0.01)
    assert watched.chance().mean() == pytest.approx(0.30, abs=0.005)


def test_joined_weighs_cosines():
    a, b = np.random.default_rng(0).normal(size=(2, 6, 3))
    both = concatenate_unit(a, b, 0.5)
    cosine = normalise_rows(both) @ normalise_rows(both).T
    expected = (normalise_rows(a) @ normalise_rows(a).T + 0.25 * normalise_rows(b) @ normalise_rows(b).T) / 1.25
    np.testing.assert_allclose(cosine, expected, atol=1e-6)
    assert (normalise_rows(np.zeros((1, 2))) == 0).all()
