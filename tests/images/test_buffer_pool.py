"""Buffer pool: memory is reused after its release, and never before."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from keyart.images import buffer_pool as recycle
from keyart.images.buffer_pool import empty_floats

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def nothing_spare(monkeypatch):
    monkeypatch.setattr(recycle, "_spare", [])


def test_what_is_given():
    created = empty_floats((2, 3, 4), CPU)
    assert created.shape == (2, 3, 4)
    assert created.dtype == torch.float32
    assert created.is_contiguous()
    assert empty_floats((0, 3), CPU).shape == (0, 3)


def test_memory_is_used_again():
    created = empty_floats((5, 7), CPU)
    where = created.data_ptr()
    del created
    assert empty_floats((7, 5), CPU).data_ptr() == where


@pytest.mark.parametrize("hold", [lambda t: t[3:], lambda t: t.numpy(), lambda t: t.detach().permute(1, 0)])
def test_what_is_held_is_left_alone(hold):
    created = empty_floats((5, 7), CPU).fill_(1)
    where = created.data_ptr()
    held = hold(created)
    del created
    other = empty_floats((5, 7), CPU).fill_(2)
    assert other.data_ptr() != where
    assert (held == 1).all()
    del held
    assert empty_floats((5, 7), CPU).data_ptr() == where


def test_little_is_kept():
    many = [empty_floats((10,), CPU) for _ in range(9)]
    del many
    assert len(recycle._spare) == recycle._MOST
    other = empty_floats((11,), CPU)
    assert not recycle._spare  # the block of the other size was discarded
    del other
    assert [block.size for block in recycle._spare] == [11]


def test_threads_never_share():
    def work(number):
        for _ in range(300):
            mine = empty_floats((64,), CPU).fill_(number)
            assert (mine == number).all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
