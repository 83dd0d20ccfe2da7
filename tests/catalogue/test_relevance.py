import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from keyart.catalogue.relevance import (
    KINDS,
    POSITIVE_GAIN,
    Relevance,
    check_learnable,
    distinct_sets,
    negative_mask,
    positive_mask,
)
from keyart.errors import InputError

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


def naive(kind, a, b, idf):
    shared, union = a & b, a | b
    if not a or not b:
        return 0.0
    if kind == "jaccard":
        return len(shared) / len(union)
    if kind == "any":
        return float(bool(shared))
    if kind == "exact":
        return float(a == b)
    norm = math.sqrt(sum(idf[g] ** 2 for g in a) * sum(idf[g] ** 2 for g in b))
    return sum(idf[g] ** 2 for g in shared) / norm


def hot(sets, width):
    return torch.tensor([[g in s for g in range(width)] for s in sets]).reshape(len(sets), width)


SETS = st.lists(st.frozensets(st.integers(0, 6)), min_size=1, max_size=9)


@settings(max_examples=80, deadline=None)
@given(SETS, SETS, st.lists(st.floats(0.1, 9), min_size=7, max_size=7), st.sampled_from(KINDS))
def test_gains_follow_their_definitions(a, b, idf, kind):
    gain = Relevance(kind, torch.tensor(idf))(hot(a, 7), hot(b, 7))
    weights = torch.tensor(idf).double().tolist()
    assert gain.dtype == torch.float32
    assert gain.shape == (len(a), len(b))
    want = torch.tensor([[naive(kind, x, y, weights) for y in b] for x in a], dtype=torch.float64).float()
    if kind == "idf_cosine":
        torch.testing.assert_close(gain, want, rtol=1e-6, atol=0)
    else:
        assert torch.equal(gain, want)  # exactly the float32 nearest to the ratio
    assert gain.min() >= 0
    assert gain.max() <= 1


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_dtype_of_genres_does_not_matter(kind, dtype, device):
    genres = (torch.rand(40, 9, generator=torch.Generator().manual_seed(1)) < 0.3).to(device)
    relation = Relevance.fit(kind, genres)
    assert torch.equal(relation(genres.to(dtype), genres.to(dtype)), relation(genres.float(), genres.float()))


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
@pytest.mark.parametrize("kind", KINDS)
def test_gains_are_exact_in_reduced_precision(kind, precision, device):
    """Gains with TF32, bf16 matmuls and autocast are identical to float32 on the CPU, on every device."""
    combinations = [c for n in (1, 2, 3, 4) for c in itertools.combinations(range(8), n)]
    genres = hot([set(c) for c in combinations], 8).float()
    relation = Relevance.fit(kind, genres)
    want = relation(genres, genres)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        with torch.autocast(device, dtype=torch.bfloat16):
            moved = genres.to(device)
            got = relation.to(device)(moved, moved)
    finally:
        torch.set_float32_matmul_precision(before)
    assert got.device.type == device
    assert torch.equal(got.cpu(), want)


def test_one_half_is_positive():
    a, b = hot([{0}, {0, 1}, {0, 1, 2}], 6), hot([{0, 1}, {0, 1, 2, 3}, {0, 1, 2, 3, 4, 5}], 6)
    gain = Relevance("jaccard")(a, b).diagonal()
    assert gain.tolist() == [0.5, 0.5, 0.5]
    assert positive_mask(gain).all()


def test_equal_sets_have_gain_one_and_equal_halves_one_half_by_idf():
    genres = torch.rand(200, 23, generator=torch.Generator().manual_seed(0)) < 0.15
    genres = genres[genres.any(dim=1)]
    gain = Relevance.fit("idf_cosine", genres)(genres, genres)
    assert (gain.diagonal() == 1).all()
    halves = Relevance("idf_cosine", torch.full((4,), math.log(3.0)))(hot([{0, 1}], 4), hot([{1, 2}], 4))
    assert halves.item() == 0.5


def test_rarer_genres_weigh_more():
    genres = hot([{0}] * 90 + [{1}] * 9 + [{0, 1}], 2)
    relation = Relevance.fit("idf_cosine", genres)
    torch.testing.assert_close(relation.idf, torch.log1p(100 / torch.tensor([91.0, 10.0], dtype=torch.float64)))
    gain = relation(hot([{0, 1}], 2), hot([{0}, {1}], 2))[0]
    assert gain[1] > gain[0] > 0


def test_a_genre_that_all_or_none_have_gets_a_finite_weight():
    relation = Relevance.fit("idf_cosine", hot([{0}, {0}], 2))
    assert torch.isfinite(relation.idf).all()
    assert relation(hot([{0}, {1}], 2), hot([{0}, {1}], 2)).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("kind", KINDS)
def test_gains_are_symmetric_and_empty_sets_alike_to_none(kind):
    genres = torch.rand(60, 7, generator=torch.Generator().manual_seed(2)) < 0.3
    genres[:3] = False
    gain = Relevance.fit(kind, genres)(genres, genres)
    assert torch.equal(gain, gain.T)
    assert (gain[:3] == 0).all()


def test_masks():
    gain = torch.tensor([[0.0, 0.25, POSITIVE_GAIN, 1.0]])
    assert negative_mask(gain).tolist() == [[True, False, False, False]]
    assert positive_mask(gain).tolist() == [[False, False, True, True]]


def test_what_is_refused():
    with pytest.raises(InputError, match=r"relevance\.kind=cosine: unknown; choose one of jaccard"):
        Relevance("cosine")
    with pytest.raises(InputError, match="idf_cosine"):
        Relevance("idf_cosine")
    with pytest.raises(ValueError, match="must be"):
        Relevance("any")(torch.ones(2, 3), torch.ones(2, 4))
    with pytest.raises(ValueError, match="4 weights"):
        Relevance("idf_cosine", torch.ones(4))(torch.ones(2, 3), torch.ones(2, 3))


def test_numpy_genres_fit():
    genres = np.array([[True, False], [True, True]])
    assert torch.equal(Relevance.fit("idf_cosine", genres).idf, Relevance.fit("idf_cosine", torch.tensor(genres)).idf)


@given(st.lists(st.frozensets(st.integers(0, 3)), min_size=1, max_size=30))
def test_distinct_sets_rebuild_the_genres(sets):
    genres = hot(sets, 4)
    distinct, position, counts = distinct_sets(genres)
    assert torch.equal(distinct[position], genres)
    assert len(distinct) == len(set(sets))
    assert counts.sum() == len(sets)
    assert torch.equal(torch.bincount(position, minlength=len(distinct)), counts)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.frozensets(st.integers(0, 3), min_size=1), min_size=1, max_size=6), st.sampled_from(KINDS))
def test_learnable_is_what_it_says(sets, kind):
    genres = hot(sets, 4)
    relation = Relevance.fit(kind, genres)
    gains = [
        relation(genres[i : i + 1], genres[j : j + 1]).item() for i, j in itertools.combinations(range(len(sets)), 2)
    ]
    if len(frozenset().union(*sets)) < 2:
        wrong = "at least two are needed"
    elif not any(gain >= 0.5 for gain in gains):
        wrong = "are positive"
    elif not any(gain == 0 for gain in gains):
        wrong = "no pair has gain 0"
    else:
        check_learnable(genres, relation)
        return
    with pytest.raises(InputError, match=wrong) as caught:
        check_learnable(genres.numpy(), relation, source="films.csv")
    assert "films.csv" in str(caught.value)


def test_learnable_among_more_sets_than_a_tile():
    """The only positive pair is in the last tile of distinct sets."""
    codes = torch.arange(1, 3000)
    genres = ((codes[:, None] >> torch.arange(12)) & 1).bool()
    exact = Relevance("exact")
    with pytest.raises(InputError, match="are positive"):
        check_learnable(genres, exact)
    check_learnable(torch.cat([genres, genres[-1:]]), exact)
