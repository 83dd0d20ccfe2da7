"""Guarantees of the samplers, on random tables of genres."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from keyart.errors import InputError
from keyart.images.samplers.base import Sampler
from keyart.images.samplers.m_per_class import MPerClassSampler
from keyart.images.samplers.random import RandomSampler

ALL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tables(draw):
    """Generate (N, G) genres of very different frequency; each poster has one or more, some genres have no poster."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, genres = draw(st.integers(1, 150)), draw(st.integers(1, 12))
    share = rng.uniform(0, 0.7, genres) ** draw(st.sampled_from([1, 3]))
    table = rng.random((count, genres)) < share
    table[np.arange(count), rng.integers(0, genres, count)] |= ~table.any(1)
    return table


@st.composite
def samplers(draw):
    table = draw(tables())
    batch_size = draw(st.integers(1, 64))
    smallest = len(table) // -(-len(table) // batch_size)
    m = draw(st.integers(1, max(1, min(batch_size, smallest))))
    tempering = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return MPerClassSampler(table, batch_size=batch_size, m=m, tempering=tempering, seed=draw(st.integers(0, 5)))


def epoch_of(sampler, epoch):
    return [sampler.batch(epoch, i) for i in range(sampler.batches_per_epoch)]


def assert_epoch_is_whole(sampler, batches, batch_size):
    sizes = [len(batch) for batch in batches]
    assert sum(sizes) == sampler.num_posters
    assert len(sizes) == -(-sampler.num_posters // batch_size)
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= batch_size
    for batch in batches:
        assert batch.dtype == np.int64
        assert len(set(batch.tolist())) == len(batch)
        assert batch.min() >= 0
        assert batch.max() < sampler.num_posters


@ALL
@given(samplers(), st.integers(0, 3))
def test_m_per_class_promises(sampler, epoch):
    batches = epoch_of(sampler, epoch)
    assert_epoch_is_whole(sampler, batches, sampler.batch_size)
    for index, batch in enumerate(batches):
        drawn_with, drawn = sampler.draw(epoch, index)
        np.testing.assert_array_equal(drawn_with, batch)
        assert drawn.sum() == max(1, len(batch) // sampler.m)
        assert (drawn[sampler.counts == 0] == 0).all()
        having = sampler.genres[batch].sum(0)
        goal = np.minimum(sampler.m * drawn, sampler.counts)
        assert (having >= goal).all()


@ALL
@given(samplers(), st.randoms(use_true_random=False))
def test_batches_are_pure_functions_of_seed_epoch_and_index(sampler, random):
    def fresh():
        return MPerClassSampler(
            sampler.genres, batch_size=sampler.batch_size, m=sampler.m, tempering=sampler.tempering, seed=sampler.seed
        )

    expected = {(epoch, i): sampler.batch(epoch, i) for epoch in (0, 1) for i in range(sampler.batches_per_epoch)}
    asked = list(expected)
    random.shuffle(asked)
    other = fresh()
    for epoch, i in asked[:12]:  # in any order, forwards and backwards through epochs
        np.testing.assert_array_equal(other.batch(epoch, i), expected[epoch, i])
        np.testing.assert_array_equal(fresh().batch(epoch, i), expected[epoch, i])


@ALL
@given(st.integers(1, 200), st.integers(1, 70), st.integers(0, 3))
def test_random_visits_each_poster_once(count, batch_size, epoch):
    sampler = RandomSampler(np.ones((count, 2), dtype=bool), batch_size=batch_size, seed=1)
    batches = epoch_of(sampler, epoch)
    assert_epoch_is_whole(sampler, batches, batch_size)
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))
    again = RandomSampler(np.ones((count, 2), dtype=bool), batch_size=batch_size, seed=1)
    np.testing.assert_array_equal(again.batch(epoch, len(batches) - 1), batches[-1])


@pytest.mark.parametrize("make", [lambda t, s: RandomSampler(t, batch_size=32, seed=s),
                                  lambda t, s: MPerClassSampler(t, batch_size=32, m=4, seed=s)])  # fmt: skip
def test_epochs_and_seeds_differ(make):
    table = np.eye(4, dtype=bool)[np.arange(200) % 4]
    sampler = make(table, 0)
    assert isinstance(sampler, Sampler)
    assert not np.array_equal(sampler.batch(0, 0), sampler.batch(1, 0))
    assert not np.array_equal(sampler.batch(0, 0), make(table, 1).batch(0, 0))


def unbalanced(count=2000, seed=0):
    """Genres like those of films: one genre on half of the posters, one on few; one to three per poster."""
    rng = np.random.default_rng(seed)
    share = np.array([0.5, 0.4, 0.2, 0.2, 0.1, 0.05, 0.02, 0.01])
    table = rng.random((count, 8)) < share
    table[np.arange(count), rng.choice(8, count, p=share / share.sum())] |= ~table.any(1)
    return table


@pytest.mark.parametrize("tempering", [0.0, 0.5, 1.0])
def test_genres_are_drawn_by_tempered_frequency(tempering):
    sampler = MPerClassSampler(unbalanced(), batch_size=64, m=4, tempering=tempering, seed=0)
    draws = np.sum([sampler.draw(e, i)[1] for e in range(8) for i in range(sampler.batches_per_epoch)], 0)
    weights = sampler.counts.astype(float) ** tempering
    expected = draws.sum() * weights / weights.sum()
    # Pearson's statistic has 7 degrees of freedom: above 24.3 once in a thousand.
    assert ((draws - expected) ** 2 / expected).sum() < 24.3


def test_a_batch_looks_like_its_drawn_genres():
    """With tempering 0, the share of a rare genre is far larger in a batch than in the table."""
    table = unbalanced()
    rare = 7
    even = MPerClassSampler(table, batch_size=64, m=4, tempering=0.0, seed=0)
    shares = np.mean([table[even.batch(0, i), rare].mean() for i in range(even.batches_per_epoch)])
    assert shares > 5 * table[:, rare].mean()


def test_visits_are_even_where_posters_have_one_genre():
    """Within a genre, the numbers of visits of the posters differ by at most one."""
    rng = np.random.default_rng(0)
    table = np.eye(6, dtype=bool)[rng.choice(6, 500, p=[0.4, 0.3, 0.15, 0.1, 0.04, 0.01])]
    sampler = MPerClassSampler(table, batch_size=50, m=5, seed=3)
    visits = np.bincount(np.concatenate(epoch_of(sampler, 0)), minlength=500)
    for genre in range(6):
        of_genre = visits[table[:, genre]]
        assert of_genre.max() - of_genre.min() <= 1


def test_visits_are_more_even_than_independent_draws():
    table = unbalanced()
    sampler = MPerClassSampler(table, batch_size=64, m=4, tempering=0.5, seed=0)
    visits = np.bincount(np.concatenate(epoch_of(sampler, 0)), minlength=len(table))
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(column) for column in table.T]
    by_genre = rng.choice(8, len(table), p=sampler.probabilities)
    independent = np.bincount([rng.choice(members[g]) for g in by_genre], minlength=len(table))
    assert (visits > 0).mean() > (independent > 0).mean() + 0.1


def test_one_genre_and_posters_without_genre():
    sampler = MPerClassSampler(np.ones((10, 1), dtype=bool), batch_size=4, m=2, seed=0)
    assert_epoch_is_whole(sampler, epoch_of(sampler, 0), 4)
    sampler = MPerClassSampler(np.zeros((10, 3), dtype=bool), batch_size=4, m=2, seed=0)
    assert_epoch_is_whole(sampler, epoch_of(sampler, 0), 4)


def test_fewer_posters_than_a_batch():
    sampler = MPerClassSampler(np.ones((5, 2), dtype=bool), batch_size=128, m=16, seed=0)
    assert sorted(sampler.batch(0, 0).tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 8, "m": 9}, r"sampler\.m=9 is larger than sampler\.batch_size=8"),
        ({"batch_size": 8, "m": 0}, r"sampler\.m=0"),
        ({"batch_size": 0, "m": 1}, r"sampler\.batch_size=0"),
        ({"batch_size": 19, "m": 15}, r"sampler\.m=15.*2 batches of 10; lower sampler\.m to 10"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        MPerClassSampler(np.ones((20, 2), dtype=bool), **arguments)


def test_an_empty_split_is_reported():
    with pytest.raises(InputError, match="train split holds no posters"):
        RandomSampler(np.ones((0, 2), dtype=bool), batch_size=4)


@pytest.mark.parametrize("index", [-1, 3])
def test_batches_out_of_range(index):
    for sampler in (
        RandomSampler(np.ones((5, 1), dtype=bool), batch_size=2),
        MPerClassSampler(np.ones((5, 1), dtype=bool), batch_size=2, m=1),
    ):
        with pytest.raises(IndexError):
            sampler.batch(0, index)


def test_a_batch_takes_about_a_millisecond():
    """The bound is 2 ms on a core that sorts 20,000 numbers in 0.5 ms: a ratio does not depend on other work."""
    rng = np.random.default_rng(0)
    share = np.concatenate([[0.5, 0.4], rng.uniform(0.003, 0.2, 21)])
    table = rng.random((5000, 23)) < share
    sampler = MPerClassSampler(table, batch_size=256, m=4, seed=0)
    sampler.batch(0, 0)
    numbers = rng.random(20_000)
    ratios = []
    for epoch in range(1, 6):
        start = time.process_time()
        epoch_of(sampler, epoch)
        between = time.process_time()
        for _ in range(sampler.batches_per_epoch):
            np.argsort(numbers)
        ratios.append((between - start) / (time.process_time() - between))
    assert min(ratios) < 4
