"""FAISS on a GPU: used where there is one, left alone where it cannot answer."""

import faiss
import numpy as np
import pytest
import torch

from keyart.retrieval import gpu
from tests.retrieval.indexes import clustered, make_index


@pytest.fixture
def pretended(monkeypatch):
    """A GPU that is this machine's memory: what is asked of FAISS, and that copies are used."""
    made = []

    def copy(resources, device, index):
        other = faiss.clone_index(index)
        made.append((device, other))
        return other

    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", copy, raising=False)
    return made


def test_a_machine_without_one_searches_where_it_is():
    if faiss.get_num_gpus():
        pytest.skip("this machine has one")
    index = make_index(50)
    assert gpu.on_gpu(index.index, 5) is index.index


def test_one_copy_answers_what_a_gpu_can(pretended):
    index = make_index(300)
    wanted = index.index.search(clustered(300)[:4], 5)[1]
    for _ in range(3):
        np.testing.assert_array_equal(index.search(clustered(300)[:4], 5)[1], wanted)
    assert [device for device, _ in pretended] == [0]
    assert gpu.on_gpu(index.index, 5) is pretended[0][1]
    assert gpu.on_gpu(index.index, gpu.GPU_MAX_K + 1) is index.index


def test_what_has_no_room_stays(pretended, monkeypatch):
    index = make_index(300)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1000, 2000))
    assert gpu.on_gpu(index.index, 5) is index.index
    assert not pretended


@pytest.mark.gpu
def test_a_real_gpu_finds_the_same():
    if not gpu.has_gpu():
        pytest.skip("this FAISS has no GPU")
    index = make_index(3000)
    queries = clustered(3040)[::76]
    near = index.search(queries, 10)[0]
    np.testing.assert_allclose(near, index.index.search(queries, 10)[0], atol=1e-3)
