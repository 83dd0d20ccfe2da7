"""Neighbours are exact for any candidates that float32 products find."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from keyart.metrics.exact_ranking import ExactScores, to_grid
from keyart.metrics.exclusion import Exclusion
from keyart.metrics.neighbours import exact_neighbours


def reference(queries, gallery, k, exclude=None):
    q, g = (np.array(to_grid(x).tolist(), dtype=object) for x in (queries, gallery))
    out = np.full((len(q), k), -1)
    for i, scores in enumerate(q @ g.T):
        hidden = () if exclude is None else np.flatnonzero(exclude.gallery_labels == exclude.query_labels[i])
        order = sorted(set(range(len(g))) - set(hidden), key=lambda j: (-scores[j], j))[:k]
        out[i, : len(order)] = order
    return out


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**31), st.booleans())
def test_ties_and_hidden_rows(n, k, width, seed, hide):
    rng = np.random.default_rng(seed)
    gallery = torch.from_numpy(rng.integers(-1, 2, (n, width)).astype(np.float32))
    queries = torch.from_numpy(rng.integers(-1, 2, (7, width)).astype(np.float32))
    exclude = Exclusion(rng.integers(0, 4, 7), rng.integers(0, 4, n)) if hide else None
    found = exact_neighbours(queries, gallery, k, exclude=exclude)
    want = reference(queries, gallery, k, exclude)
    np.testing.assert_array_equal(found.positions.numpy(), want)
    assert (torch.isinf(found.similarity) == torch.from_numpy(want < 0)).all()


def test_differences_that_float32_cannot_see():
    """Check hundreds of vectors one grid step apart: float32 cannot order them, so its order must not be used."""
    rng = np.random.default_rng(0)
    base = np.tile(rng.normal(size=32) / 6, (400, 1))
    gallery = torch.from_numpy(base + rng.integers(-2, 3, base.shape) * 2.0**-25)
    queries = torch.from_numpy(rng.normal(size=(20, 32)))
    found = exact_neighbours(queries, gallery, 10)
    np.testing.assert_array_equal(found.positions.numpy(), reference(queries, gallery, 10))


def test_candidates_are_trusted_where_they_are_sure(monkeypatch):
    """Check that candidates are verified on ordinary vectors, without a tile of all scores."""
    generator = torch.Generator().manual_seed(0)
    gallery = torch.randn(3000, 64, generator=generator)
    want = reference(gallery[:25], gallery, 10, Exclusion(np.arange(25), np.arange(3000)))

    def refuse(*_):
        raise AssertionError("a full scan")

    monkeypatch.setattr(ExactScores, "keys", refuse)
    exclude = Exclusion(np.arange(25), np.arange(3000))
    found = exact_neighbours(gallery[:25], gallery, 10, exclude=exclude, memory_budget=2**16)
    np.testing.assert_array_equal(found.positions.numpy(), want)


def test_similarity_is_the_cosine():
    generator = torch.Generator().manual_seed(0)
    queries, gallery = torch.randn(4, 8, generator=generator), 5 * torch.randn(90, 8, generator=generator)
    found = exact_neighbours(queries, gallery, 3)
    want = torch.nn.functional.cosine_similarity(queries[:, None], gallery[found.positions], dim=2)
    torch.testing.assert_close(found.similarity.float(), want, rtol=0, atol=1e-6)


def test_k_below_one_is_refused():
    with pytest.raises(ValueError, match="k=0"):
        exact_neighbours(torch.eye(2), torch.eye(2), 0)
