"""Queries of pairs search the whole catalogue."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from keyart.metrics.pairs import pairs_recall, rank_queries
from tests.metrics import naive


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 25), st.integers(1, 3), st.integers(0, 2**31))
def test_ranks_equal_a_sorted_list(n, width, seed):
    rng = np.random.default_rng(seed)
    gallery, queries = rng.integers(-1, 2, (n, width)), rng.integers(-1, 2, (6, width))
    ids, targets = rng.permutation([f"tt{i}" for i in range(n)]), rng.integers(0, n, 6)
    got = rank_queries(
        torch.from_numpy(queries), torch.from_numpy(gallery), targets, ids=ids, memory_budget=int(rng.integers(1, 900))
    )
    for i, target in enumerate(targets):
        order = naive.ranking([*gallery, queries[i]], [*ids, ""], n, range(n))
        assert got[i] == order.index(target) + 1


def test_recall_at_k_and_chance():
    """Check that nothing is excluded: a query equal to its poster finds it first."""
    gallery = torch.eye(12)
    queries = torch.stack([gallery[3], gallery[3] + 2 * gallery[5], gallery[0]])
    flat = pairs_recall(queries, gallery, np.array([3, 3, 11]), ids=np.array([f"{i:02d}" for i in range(12)]))
    assert flat["pairs/recall@1"] == pytest.approx(1 / 3)
    assert flat["pairs/recall@10"] == pytest.approx(2 / 3)
    assert flat["pairs/recall@10/chance"] == pytest.approx(10 / 12)
    assert (flat["pairs/queries"], flat["pairs/gallery"]) == (3, 12)


def test_no_pairs_have_no_recall():
    flat = pairs_recall(torch.empty(0, 3), torch.eye(3), np.empty(0, dtype=int))
    assert flat["pairs/recall@1"] is None


def test_targets_outside_the_catalogue_are_refused():
    with pytest.raises(ValueError, match="positions in a gallery of 3"):
        rank_queries(torch.eye(3)[:1], torch.eye(3), np.array([3]))
