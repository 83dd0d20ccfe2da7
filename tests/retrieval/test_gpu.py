"""FAISS on a GPU: used if there is one that can answer, otherwise not."""

import gc
import weakref

import faiss
import numpy as np
import pytest
import torch

from keyart.retrieval.exact_search import faiss_gpu as gpu
from tests.indexes import clustered, make_index


class Resources:
    """Fake of the resources from which a GPU index allocates memory."""


class Copy:
    """Fake GPU index in this machine's memory; ``room`` is the maximum number of rows."""

    room = 10**9

    def __init__(self, resources, index):
        if index.ntotal > self.room:
            raise RuntimeError("Error in allocMemory: cudaMalloc error out of memory\nmore lines")
        self.resources, self.index = resources, faiss.clone_index(index)

    def search(self, queries, k):
        return self.index.search(queries, k)


@pytest.fixture
def pretended(monkeypatch):
    """Provide a fake GPU: weak references to everything that was allocated on it."""
    created = []

    def copy(resources, device, index):
        created.append(weakref.ref(resources))
        other = Copy(resources, index)
        created.append(weakref.ref(other))
        return other

    monkeypatch.setattr(faiss, "StandardGpuResources", Resources, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", copy, raising=False)
    return created


def alive(made):
    gc.collect()
    return [one() for one in made if one() is not None]


def test_a_machine_without_one_searches_where_it_is():
    if faiss.get_num_gpus():
        pytest.skip("this machine has one")
    index = make_index(50)
    assert index.search(index.vectors(np.array([7])), 1)[1].tolist() == [[7]]
    assert index.index not in gpu._copies


def test_one_copy_answers_what_a_gpu_can(pretended):
    index = make_index(300)
    queries = clustered(300)[:4]
    expected = index.index.search(queries, 5)[1]
    for _ in range(3):
        np.testing.assert_array_equal(index.search(queries, 5)[1], expected)
    assert len(pretended) == 2
    assert index.search(queries, gpu.GPU_MAX_K + 1)[1][:, :5].tolist() == expected.tolist()
    assert len(pretended) == 2
    del index
    assert not alive(pretended)


def test_an_index_without_room_is_searched_on_the_cpu_and_freed(pretended, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1000, 2000))
    index = make_index(300)
    flat = weakref.ref(index.index)
    for _ in range(3):
        assert index.search(index.vectors(np.array([7])), 1)[1].tolist() == [[7]]
    assert not pretended
    (summary,) = caplog.messages
    assert "0.0 GiB of its memory are free" in summary
    del index
    gc.collect()
    assert flat() is None


@pytest.mark.parametrize("when", ["copied", "searched"])
def test_what_a_failing_gpu_allocated_is_released(when, pretended, monkeypatch, caplog):
    index = make_index(300)
    flat, queries = weakref.ref(index.index), index.vectors(np.array([7, 8]))
    if when == "copied":
        monkeypatch.setattr(Copy, "room", 299)
    else:
        index.search(queries, 1)
        assert len(alive(pretended)) == 2

        def fail(*given):
            raise RuntimeError("Error in allocMemory: cudaMalloc error out of memory\nmore lines")

        monkeypatch.setattr(Copy, "search", fail)
    for _ in range(3):
        assert index.search(queries, 1)[1].tolist() == [[7], [8]]
    assert not alive(pretended)
    (summary,) = caplog.messages
    assert "cudaMalloc error out of memory): searching on the CPU" in summary
    assert "\n" not in summary
    del index
    gc.collect()
    assert flat() is None


@pytest.mark.gpu
def test_a_real_gpu_finds_the_same():
    if not gpu.has_gpu():
        pytest.skip("this FAISS has no GPU")
    index = make_index(3000)
    queries = clustered(3040)[::76]
    near = index.search(queries, 10)[0]
    np.testing.assert_allclose(near, index.index.search(queries, 10)[0], atol=1e-3)
