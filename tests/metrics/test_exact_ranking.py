"""Exact scores without rounding error, and sorting of their keys."""

import numpy as np
import pytest
import torch

from keyart.metrics.exact_ranking import EXCLUDED, ExactScores, sort_rows, to_grid
from keyart.metrics.ranking import _dense_precision_sums, _sparse_precision_sums


def exact_scores(grid):
    return np.array(grid.tolist(), dtype=object) @ np.array(grid.tolist(), dtype=object).T


@pytest.mark.parametrize(("n", "width"), [(300, 128), (40, 1), (30, 3000), (5000, 16)])
def test_keys_hold_exact_scores_and_positions(n, width):
    """Compare with integer products in Python; with 5,000 rows, keys have too few bits for the full score."""
    x = torch.randn(n, width, generator=torch.Generator().manual_seed(0))
    x[1] = x[0]
    grid = to_grid(x)
    scores = ExactScores(grid)
    few = torch.arange(0, n, max(1, n // 40))
    keys = scores.keys(grid[few])
    want = np.array(grid[few].tolist(), dtype=object) @ np.array(grid.tolist(), dtype=object).T
    drop = scores._drop
    np.testing.assert_array_equal(keys.numpy() >> (scores.position_bits + 1), (-want) >> drop)
    assert (drop > 0) == (n == 5000)
    assert (scores.positions(keys) == torch.arange(n)).all()
    cosine = torch.nn.functional.cosine_similarity(x[few].double()[:, None], x.double()[None], dim=2)
    torch.testing.assert_close(scores.similarities(keys), cosine, rtol=0, atol=3e-7 if width == 3000 else 6e-8)
    assert (keys < EXCLUDED).all()


def test_marks_ride_in_the_lowest_bit():
    grid = to_grid(torch.randn(7, 3))
    marks = torch.tensor([[0, 1, 0, 1, 0, 1, 0], [1, 1, 1, 0, 0, 0, 0]], dtype=torch.uint8)
    rows = torch.tensor([1, 0, 1])
    keys = ExactScores(grid).keys(grid[:3], (marks, rows))
    assert torch.equal(keys & 1, marks[rows].long())
    assert torch.equal(keys & ~1, ExactScores(grid).keys(grid[:3]))


def test_packed_scores_equal_those_of_tiles():
    grid = to_grid(torch.randn(9, 4))
    scores = ExactScores(grid)
    product = grid.double() @ grid.double().T
    positions = torch.arange(9).expand(9, -1)
    assert torch.equal(scores.pack(product, positions), scores.keys(grid))


def test_equal_vectors_tie_wherever_they_stand():
    """Check what a float32 product does not guarantee: its scores depend on the number of other columns."""
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(1, 96, generator=generator)
    gallery = to_grid(one.expand(1003, -1))
    queries = to_grid(torch.randn(5, 96, generator=generator))
    assert (ExactScores(gallery).keys(queries) >> 11).unique(dim=1).shape[1] == 1


@pytest.mark.parametrize("depth", [0, 1, 7, 60, 199, 200])
def test_sort_rows(depth):
    keys = torch.randint(-(2**62), 2**62, (2000, 200), generator=torch.Generator().manual_seed(0))
    want = keys.sort(dim=1).values[:, :depth]
    assert torch.equal(sort_rows(keys, depth), want)


def test_grid_is_unit_and_zero_stays_zero():
    grid = to_grid(torch.tensor([[3.0, 4.0], [0.0, 0.0], [-1e-30, 0.0]]))
    assert grid.tolist() == [[round(0.6 * 2**25), round(0.8 * 2**25)], [0, 0], [-(2**25), 0]]


def test_both_ways_to_sum_precision_agree():
    """Compare the sum over relevant ranks (CPU) with the sum over all ranks (GPU)."""
    generator = torch.Generator().manual_seed(0)
    keys = torch.randint(0, 2**40, (50, 83), generator=generator)
    keys[7] &= ~1
    relevant = (keys & 1).sum(dim=1).double()
    last = torch.stack([relevant, torch.full_like(relevant, 5), torch.full_like(relevant, 100)], dim=1)
    sparse, dense = _sparse_precision_sums(keys, last), _dense_precision_sums(keys, last)
    assert sparse.shape == (50, 3)
    torch.testing.assert_close(sparse, dense, rtol=1e-13, atol=0)
