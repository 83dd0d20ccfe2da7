"""Candidates from watched films: weights, interests, user profiles, exclusions and reasons."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from keyart.recommend.candidates import Films, User, find_candidates, index_space
from keyart.recommend.interests import event_weights, find_interests
from keyart.recommend.user_profile import ProfileSpace
from keyart.retrieval.engines.registry import find_engine
from keyart.retrieval.index import PosterIndex
from tests.indexes import clustered, make_index, table

DAY = 86_400.0


def user(films, weights=None):
    films = np.asarray(films, dtype=np.int64)
    return User(films, np.full(len(films), 1 / len(films)) if weights is None else np.asarray(weights))


def ask(index, users, k=10, **given):
    films = Films(index.posters)
    return find_candidates(index, films, index_space(index), users, k, **given)


def test_a_star_less_and_a_half_life_ago_each_count_half():
    times = np.array([100 * DAY, 100 * DAY, 90 * DAY, np.nan])
    weights = event_weights(np.array([5.0, 4.0, 5.0, 5.0]), times, 4, half_life=10)
    np.testing.assert_allclose(weights / weights[0], [1, 0.5, 0.5, 0.5])
    assert weights.sum() == pytest.approx(1)
    assert event_weights(None, None, 3).tolist() == [1 / 3] * 3
    assert event_weights(np.array([0.5]), np.array([np.nan]), 1).tolist() == [1.0]


def naive_ward(vectors, most):
    """Merge the two clusters that increase the squared distances within clusters least, repeatedly."""
    clusters = [[i] for i in range(len(vectors))]

    def inertia(members):
        own = vectors[members]
        return ((own - own.mean(0)) ** 2).sum()

    while len(clusters) > most:
        costs = {
            (a, b): inertia(clusters[a] + clusters[b]) - inertia(clusters[a]) - inertia(clusters[b])
            for a in range(len(clusters))
            for b in range(a + 1, len(clusters))
        }
        a, b = min(costs, key=costs.get)
        clusters[a] += clusters.pop(b)
    return {frozenset(one) for one in clusters}


@pytest.mark.parametrize("most", [1, 3, 6])
def test_interests_are_wards_clusters_with_medoids(most):
    vectors = clustered(40, seed=4, spread=0.2).astype(np.float64)
    weights = np.random.default_rng(0).random(40) + 0.1
    found = find_interests(vectors, weights, most, alike=0.0)
    assert {frozenset(one.members.tolist()) for one in found} == naive_ward(vectors, most)
    assert sum(one.weight for one in found) == pytest.approx(1)
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    for one in found:
        squares = [
            (weights[one.members] * ((vectors[one.members] - vectors[m]) ** 2).sum(1)).sum() for m in one.members
        ]
        assert one.medoid == one.members[int(np.argmin(squares))]


def test_films_that_are_alike_are_one_interest():
    vectors = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    assert [one.members.tolist() for one in find_interests(vectors, np.ones(6))] == [[0, 1, 2], [3, 4], [5]]
    assert pdist(vectors).max() == pytest.approx(2**0.5)


def test_a_taste_is_the_ridge_regression_of_what_was_watched():
    vectors = clustered(300).astype(np.float64)
    films, weights, ridge = np.array([3, 50, 51]), np.array([0.5, 0.2, 0.3]), 0.05
    space = ProfileSpace.fit(vectors, ridge)
    profile = space.profiles(space.pull(vectors[films], weights)[None])[0]
    offset = vectors - vectors.mean(0)
    watched = np.zeros(300)
    watched[films] = weights
    penalty = ridge * np.trace(offset.T @ offset)
    expected = np.linalg.solve(offset.T @ offset + penalty * np.eye(16), offset.T @ watched)
    np.testing.assert_allclose(profile.direction / 300, expected, rtol=1e-3, atol=1e-6)
    scores = space.scores(profile, vectors)
    parts = space.attributions(vectors[films], weights, space.lift(vectors))
    np.testing.assert_allclose(parts.sum(1) / (profile.length * space.scale), scores, atol=1e-4)
    np.testing.assert_allclose(np.argsort(-scores)[:20], np.argsort(-(offset @ expected))[:20])


def test_a_great_ridge_leaves_the_mean_profile():
    vectors = clustered(300)
    space = ProfileSpace.fit(vectors, 1e6)
    profile = space.profiles(space.pull(vectors[:4], np.full(4, 0.25))[None])[0]
    mean = vectors[:4].mean(0) - vectors.mean(0)
    cosine = profile.direction @ mean / np.linalg.norm(profile.direction) / np.linalg.norm(mean)
    assert cosine == pytest.approx(1, abs=1e-4)


def test_the_best_unseen_films_are_found_and_reasoned():
    index = make_index(400)
    one, two = user([1, 2, 40, 41, 200], [0.3, 0.1, 0.2, 0.2, 0.2]), user([7])
    space = index_space(index)
    for who, found in zip((one, two), ask(index, [one, two], 8, balance=1.0), strict=True):
        vectors = index.vectors()
        profile = space.profiles(space.pull(vectors[who.films], who.weights)[None])[0]
        scores = space.scores(profile, vectors)
        expected = [row for row in np.argsort(-scores, kind="stable") if row not in who.films][:8]
        assert found.rows.tolist() == expected
        np.testing.assert_allclose(found.scores, scores[expected], atol=1e-5)
        parts = space.attributions(vectors[who.films], who.weights, space.lift(vectors[expected]))
        assert found.because.tolist() == parts.argmax(1).tolist()
        for because, interest in zip(found.because, found.interest, strict=True):
            assert because in found.interests[interest].members


def test_viewers_are_independent_of_the_batch():
    index = make_index(300)
    users = [user([i, i + 9, i + 100]) for i in range(6)]
    together = ask(index, users)
    for one, found in zip(users, together, strict=True):
        alone = ask(index, [one])[0]
        assert alone.rows.tolist() == found.rows.tolist()
        np.testing.assert_allclose(alone.scores, found.scores, atol=1e-5)


def test_no_poster_of_a_seen_film_and_no_film_twice():
    posters = table(200)
    posters["film"] = [f"f{i % 60}" for i in range(200)]
    index = PosterIndex.of(clustered(200), posters)
    films = Films(posters)
    watched = np.array([0, 5, 17])
    np.testing.assert_allclose(
        films.vectors(index, watched)[1],
        (mean := index.vectors(films.posters(5)).mean(0)) / np.linalg.norm(mean),
        atol=1e-6,
    )
    found = ask(index, [user(watched)], 30)[0]
    shown = posters["film"].iloc[found.rows].tolist()
    assert len(shown) == len(set(shown)) == 30
    assert not {"f0", "f5", "f17"} & set(shown)


def test_who_has_seen_nearly_all_gets_the_rest_and_who_has_seen_all_gets_nothing():
    index = make_index(120)
    most, everything = ask(index, [user(np.arange(115)), user(np.arange(120))], 10)
    assert sorted(most.rows.tolist()) == [115, 116, 117, 118, 119]
    assert len(everything) == 0


def test_variety_keeps_the_best_and_repeats_less():
    index = make_index(400)
    who = user([1, 2, 40])
    plain, varied = (ask(index, [who], 10, balance=balance)[0] for balance in (1.0, 0.5))
    assert varied.rows[0] == plain.rows[0]

    def alike(found):
        vectors = index.vectors(found.rows)
        return (vectors @ vectors.T).mean()

    assert alike(varied) < alike(plain)


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_an_approximate_engine_finds_nearly_the_same(kind):
    exact = make_index(3000)
    engine, _ = find_engine(kind).fit(exact.index, 0.95)
    index = PosterIndex(exact.index, exact.posters, engine)
    near = exact.search(exact.vectors(np.arange(0, 3000, 100)), 8)[1]
    users = [user(np.unique(near[i : i + 2])) for i in range(0, 30, 2)]
    approximate, expected = (ask(one, users, balance=1.0) for one in (index, exact))
    assert np.mean([np.isin(a.rows, b.rows).mean() for a, b in zip(approximate, expected, strict=True)]) >= 0.8
    assert np.mean([a.scores.sum() / b.scores.sum() for a, b in zip(approximate, expected, strict=True)]) >= 0.95
    assert ask(exact, []) == []
