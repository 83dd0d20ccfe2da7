"""Guarantees of the samplers pk and class_balanced, on random tables of genres and classes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from keyart.catalogue.catalogue import Catalogue
from keyart.errors import InputError
from keyart.images.loader import BatchLoader
from keyart.images.samplers.base import Sampler
from keyart.images.samplers.class_balanced import ClassBalancedSampler
from keyart.images.samplers.classes import class_labels
from keyart.images.samplers.m_per_class import MPerClassSampler
from keyart.images.samplers.pk import PKSampler
from tests.images.test_samplers import assert_epoch_is_whole, epoch_of, tables

ALL = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def pk_samplers(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, classes = draw(st.integers(2, 150)), draw(st.integers(1, 40))
    labels = np.floor(classes * rng.random(count) ** draw(st.sampled_from([1, 4]))).astype(np.int64) - 1
    labels[:2] = 7  # at least one pair
    batch_size = draw(st.integers(2, 64))
    m, tempering = draw(st.integers(2, batch_size)), draw(st.sampled_from([0.0, 0.5, 1.0]))
    genres = np.ones((count, 1), dtype=bool)

    def fresh():
        return PKSampler(genres, labels, batch_size=batch_size, m=m, tempering=tempering, seed=3)

    return fresh, labels


@ALL
@given(pk_samplers(), st.integers(0, 2))
def test_pk_takes_m_of_each_drawn_class(made, epoch):
    fresh, labels = made
    sampler = fresh()
    batches = epoch_of(sampler, epoch)
    assert_epoch_is_whole(sampler, batches, sampler.batch_size)
    values, counts = np.unique(labels[labels >= 0], return_counts=True)
    drawable = dict(zip(values[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True))
    for batch in batches:
        inside = {value: int((labels[batch] == value).sum()) for value in drawable}
        full = [value for value, n in inside.items() if n >= min(sampler.m, drawable[value])]
        if sum(min(sampler.m, n) for n in drawable.values()) > len(batch):
            # P classes with m posters (or all their posters); one more class fills the rest.
            assert len([value for value, n in inside.items() if n]) - len(full) <= 1
            assert sum(inside.values()) == len(batch)
            assert all(n <= sampler.m for n in inside.values())
        elif sum(drawable.values()) >= len(batch):
            # More than m × classes: every class has m or more posters, and there are no other posters.
            assert len(full) == len(drawable)
            assert sum(inside.values()) == len(batch)
        else:
            assert inside == drawable


@ALL
@given(pk_samplers(), st.randoms(use_true_random=False))
def test_pk_is_a_pure_function_of_seed_epoch_and_batch(made, random):
    fresh, _ = made
    one, other = fresh(), fresh()
    expected = {(epoch, i): one.batch(epoch, i) for epoch in (0, 1) for i in range(one.batches_per_epoch)}
    asked = list(expected)
    random.shuffle(asked)
    for epoch, i in asked[:8]:
        np.testing.assert_array_equal(other.batch(epoch, i), expected[epoch, i])
        np.testing.assert_array_equal(fresh().batch(epoch, i), expected[epoch, i])


def test_pk_draws_classes_by_tempered_count_and_deals_them_evenly():
    labels = np.repeat(np.arange(4), [400, 100, 100, 25])
    genres = np.ones((625, 1), dtype=bool)
    for tempering in (0.0, 1.0):
        sampler = PKSampler(genres, labels, batch_size=5, m=5, tempering=tempering, seed=0)  # one class a batch
        batches = [batch for epoch in range(8) for batch in epoch_of(sampler, epoch)]
        assert all(len(set(labels[batch])) == 1 for batch in batches)
        drawn = np.bincount([labels[batch[0]] for batch in batches], minlength=4)
        weights = np.array([400.0, 100, 100, 25]) ** tempering
        expected = len(batches) * weights / weights.sum()
        # Pearson's statistic has 3 degrees of freedom: above 16.3 once in a thousand.
        assert ((drawn - expected) ** 2 / expected).sum() < 16.3
        visits = np.bincount(np.concatenate(epoch_of(sampler, 0)), minlength=625)
        for value in range(4):
            assert np.ptp(visits[labels == value]) <= 1


@ALL
@given(tables(), st.integers(1, 64), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 3))
def test_class_balanced_promises(table, batch_size, tempering, epoch):
    sampler = ClassBalancedSampler(table, batch_size=batch_size, tempering=tempering, seed=2)
    batches = epoch_of(sampler, epoch)
    assert_epoch_is_whole(sampler, batches, batch_size)
    fresh = ClassBalancedSampler(table, batch_size=batch_size, tempering=tempering, seed=2)
    for index in range(len(batches))[::-1]:
        np.testing.assert_array_equal(fresh.batch(epoch, index), batches[index])


@pytest.mark.parametrize("tempering", [0.0, 0.5, 1.0])
def test_class_balanced_draws_by_tempered_inverse_frequency(tempering):
    rng = np.random.default_rng(0)
    table = np.eye(5, dtype=bool)[rng.choice(5, 4000, p=[0.6, 0.2, 0.1, 0.07, 0.03])]
    sampler = ClassBalancedSampler(table, batch_size=4, tempering=tempering, seed=0)
    drawn = np.sum([table[batch].sum(0) for batch in epoch_of(sampler, 0)], 0)
    weights = table.sum(0) ** (1 - tempering)
    expected = drawn.sum() * weights / weights.sum()
    # Pearson's statistic has 4 degrees of freedom: above 18.5 once in a thousand.
    assert ((drawn - expected) ** 2 / expected).sum() < 18.5


def test_class_balanced_weighs_posters_with_several_genres_by_their_mean():
    table = np.zeros((20, 2), dtype=bool)
    table[:16, 0] = table[12:, 1] = True
    table[19] = False
    sampler = ClassBalancedSampler(table, batch_size=4, tempering=1.0)
    weights = sampler.probabilities / sampler.probabilities[0]
    common, rare = 20 / 16, 20 / 7
    assert weights[[13, 17, 19]] == pytest.approx([(common + rare) / 2 / common, rare / common, 1 / common])


@pytest.mark.parametrize("make", [
    lambda t: PKSampler(t, t.argmax(1), batch_size=24, m=4, seed=1),
    lambda t: ClassBalancedSampler(t, batch_size=24, seed=1),
    lambda t: MPerClassSampler(t, batch_size=24, m=2, seed=1),
])  # fmt: skip
def test_processes_share_batches_that_exceed_m_times_genres(make):
    table = np.eye(3, dtype=bool)[np.arange(96) % 3]
    sampler = make(table)
    assert isinstance(sampler, Sampler)
    positions = np.arange(96) + 1000
    whole = list(BatchLoader(make(table), positions))
    shares = [list(BatchLoader(make(table), positions, rank=rank, world_size=2)) for rank in (0, 1)]
    assert [len(batch["index"]) for batch in whole] == [24] * 4
    for all_of_it, *parts in zip(whole, *shares, strict=True):
        together = np.stack([part["index"] for part in parts], 1).reshape(-1)
        np.testing.assert_array_equal(together, all_of_it["index"])


def catalogue() -> Catalogue:
    genres = np.array([[1, 0], [1, 1], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=bool)
    n = len(genres)
    text = np.array([f"{i}" for i in range(n)], dtype=object)
    extra = pd.DataFrame({"franchise": ["A", "", "A", "B", None, "B"], "nothing": [None] * n})
    years = np.array([1994, 1999, 2000, np.nan, 2009, 1994])
    titles = np.array(["", "x", "x", "y", "z", ""], dtype=object)
    return Catalogue("table.csv", ".", text, text, text, genres, ("a", "b"), titles, years, None, extra)


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        ("genres", ["s", "d", "s", "d", "t", None]),
        ("year", [1994, 1999, 2000, None, 2009, 1994]),
        ("decade", [199, 199, 200, None, 200, 199]),
        ("title", [None, "x", "x", "y", "z", None]),
        ("franchise", ["A", None, "A", "B", None, "B"]),
        ("film", list("012345")),
    ],
)
def test_classes_are_genre_sets_or_values_of_a_column(column, classes):
    labels = class_labels(catalogue(), column)
    assert labels.dtype == np.int64
    for i, one in enumerate(classes):
        assert (labels[i] == -1) == (one is None)
        for j, other in enumerate(classes):
            if one is not None and other is not None:
                assert (labels[i] == labels[j]) == (one == other)


def test_columns_that_make_no_classes_are_reported():
    with pytest.raises(InputError, match=r"sampler\.column=nosuch: table\.csv .*genres, year, decade.*franchise"):
        class_labels(catalogue(), "nosuch")
    with pytest.raises(InputError, match=r"sampler\.column=nothing: .*no value"):
        class_labels(catalogue(), "nothing")
    table = catalogue().genres
    with pytest.raises(InputError, match=r"sampler\.column=film: no two train posters"):
        PKSampler(table, class_labels(catalogue(), "film"), batch_size=4, m=2, column="film")


@pytest.mark.parametrize(("m", "message"), [(1, r"sampler\.m=1"), (9, r"sampler\.m=9 is larger")])
def test_bad_arguments(m, message):
    with pytest.raises(InputError, match=message):
        PKSampler(np.ones((20, 2), dtype=bool), np.zeros(20, dtype=np.int64), batch_size=8, m=m)
