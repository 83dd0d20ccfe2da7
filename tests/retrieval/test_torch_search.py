"""Exact search by torch: equal to FAISS, ties ordered by row, and used where only torch has a GPU."""

import gc
import importlib
import sys
import weakref

import faiss
import numpy as np
import pytest
import torch

from keyart.retrieval.exact_search import faiss_gpu as gpu, torch_search
from keyart.retrieval.exact_search.faiss_search import vector_blocks
from keyart.retrieval.exact_search.torch_search import TorchFlat
from tests.indexes import clustered, make_index

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
each_device = pytest.mark.parametrize("device", DEVICES)


def by_hand(vectors, queries, k):
    """Search by sorting all scores; the row breaks ties."""
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, rows, axis=1), rows


@each_device
@pytest.mark.parametrize("tile", [2**28, 32 * 7 * 40])
def test_it_finds_what_faiss_finds(device, tile, monkeypatch):
    monkeypatch.setattr(torch_search, "_TILE_BYTES", tile)
    monkeypatch.setattr(torch_search, "_QUERIES", 40)
    vectors, queries = clustered(500), clustered(90, seed=3)
    flat = faiss.IndexFlatIP(16)
    flat.add(vectors)
    expected, exact = flat.search(queries, 12)
    scores, rows = TorchFlat(vectors, device).search(queries, 12)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert (rows == exact).mean() > 0.99
    np.testing.assert_allclose((vectors[rows] * queries[:, None]).sum(axis=2), scores, atol=1e-6)


@each_device
@pytest.mark.parametrize("tile", [2**28, 32 * 7 * 3])
def test_equal_scores_go_by_row(device, tile, monkeypatch):
    monkeypatch.setattr(torch_search, "_TILE_BYTES", tile)
    rng = np.random.default_rng(0)
    vectors = rng.integers(-1, 2, (60, 3)).astype(np.float32)
    queries = rng.integers(-1, 2, (7, 3)).astype(np.float32)
    queries[0] = 0
    for k in (1, 5, 60):
        scores, rows = TorchFlat(vectors, device).search(queries, k)
        expected, exact = by_hand(vectors, queries, k)
        np.testing.assert_array_equal(rows, exact)
        np.testing.assert_array_equal(scores, expected)


@each_device
def test_fewer_rows_than_requested(device):
    queries = np.eye(4, dtype=np.float32)
    scores, rows = TorchFlat(queries[:2], device).search(queries, 3)
    assert rows[:, 2].tolist() == [-1] * 4
    assert np.isneginf(scores[:, 2]).all()
    assert rows[1].tolist() == [1, 0, -1]
    scores, rows = TorchFlat(queries[:0], device).search(queries, 3)
    assert (rows == -1).all()
    assert TorchFlat(queries, device).search(queries[:0], 3)[1].shape == (0, 3)


@pytest.fixture
def only_torch(monkeypatch):
    """Simulate a machine where torch has a GPU and FAISS has none; return the copies created on it."""
    created = []
    create = TorchFlat.of_blocks

    def of_blocks(*given):
        copy = create(*given)
        created.append(weakref.ref(copy))
        return copy

    monkeypatch.setattr(gpu, "has_gpu", lambda: False)
    monkeypatch.setattr(gpu, "torch_device", lambda scores: torch.device("cpu"))
    monkeypatch.setattr(TorchFlat, "of_blocks", of_blocks)
    return created


def test_an_index_is_searched_by_torch_where_only_torch_has_a_gpu(only_torch):
    index = make_index(300)
    queries = clustered(300)[:4]
    expected = index.index.search(queries, 5)
    for _ in range(3):
        scores, rows = index.search(queries, 5)
        np.testing.assert_array_equal(rows, expected[1])
        np.testing.assert_allclose(scores, expected[0], atol=1e-6)
    (copy,) = only_torch
    assert copy() is not None
    # FAISS's limit on a GPU does not apply to torch.
    assert index.search(queries, gpu.GPU_MAX_K + 1)[1][:, :5].tolist() == expected[1].tolist()
    assert len(only_torch) == 1
    del index
    gc.collect()
    assert copy() is None


def test_vectors_are_arrays_where_another_library_makes_faiss_return_tensors():
    """pytorch-metric-learning imports this module of FAISS, which replaces methods in the whole process."""
    importlib.import_module("faiss.contrib.torch_utils")
    index = make_index(300)
    assert isinstance(index.index.reconstruct_n(0, 2), torch.Tensor)
    vectors = clustered(300)
    for found in (index.vectors(), index.vectors(np.arange(300)), np.concatenate(list(vector_blocks(index.index)))):
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, vectors)


@pytest.mark.parametrize("when", ["copied", "searched"])
def test_a_device_without_room_is_left_alone(when, only_torch, monkeypatch, caplog):
    index = make_index(300)
    queries = index.vectors(np.array([7, 8]))

    def fail(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\nmore lines")

    if when == "searched":
        index.search(queries, 1)
    monkeypatch.setattr(TorchFlat, "of_blocks" if when == "copied" else "search", fail)
    for _ in range(3):
        assert index.search(queries, 1)[1].tolist() == [[7], [8]]
    gc.collect()
    assert all(copy() is None for copy in only_torch)
    (summary,) = caplog.messages
    assert "CUDA out of memory. Tried to allocate): searching on the CPU" in summary


def test_an_index_larger_than_the_free_memory_is_not_copied(only_torch, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1000, 2000))
    index = make_index(300)
    assert index.search(index.vectors(np.array([7])), 1)[1].tolist() == [[7]]
    assert not only_torch
    assert "of its memory are free" in caplog.text


@pytest.mark.parametrize(
    ("available", "started", "scores", "used"),
    [
        (False, False, 10**12, False),
        (True, False, gpu.WORTH_STARTING - 1, False),
        (True, False, gpu.WORTH_STARTING, True),
        (True, True, 1, True),
    ],
)
def test_a_gpu_is_started_where_it_pays(available, started, scores, used, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: started)
    assert gpu.torch_device(scores) == (torch.device("cuda") if used else None)


def test_torch_is_not_imported_for_a_small_search(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    assert gpu.torch_device(gpu.WORTH_STARTING - 1) is None
    assert "torch" not in sys.modules


@pytest.mark.gpu
def test_a_real_gpu_answers_by_faiss_or_torch():
    torch.zeros(1, device="cuda")
    index = make_index(3000)
    queries = clustered(3040)[::76]
    near, rows = index.search(queries, 10)
    assert index.index in gpu._copies
    assert isinstance(gpu._copies[index.index], gpu.FaissCopy if gpu.has_gpu() else TorchFlat)
    expected, exact = index.index.search(queries, 10)
    np.testing.assert_allclose(near, expected, atol=1e-3)
    assert (rows == exact).mean() > 0.95
