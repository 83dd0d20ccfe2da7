"""Batch loaders: the order of posters over processes, epochs and interruptions."""

import numpy as np
import pytest
from lightning.fabric.utilities.types import _Stateful
from lightning.pytorch.utilities.combined_loader import CombinedLoader

from keyart.errors import InputError
from keyart.images.loader import BatchLoader, EvaluationLoader
from keyart.images.samplers.m_per_class import MPerClassSampler
from keyart.images.samplers.random import RandomSampler

POSITIONS = np.arange(100, 153)  # the train split is not at the beginning of the catalogue
GENRES = np.eye(5, dtype=bool)[np.arange(53) % 5]


def loader(rank=0, world_size=1, make=RandomSampler, **arguments):
    sampler = make(GENRES, batch_size=8, seed=3, **arguments)
    return BatchLoader(sampler, POSITIONS, rank=rank, world_size=world_size)


def indices(batches):
    return [batch["index"].tolist() for batch in batches]


def test_hands_out_the_samplers_batches_as_catalogue_positions():
    sampler = RandomSampler(GENRES, batch_size=8, seed=3)
    batches = list(loader())
    assert len(loader()) == len(batches) == 7
    assert indices(batches) == [(sampler.batch(0, i) + 100).tolist() for i in range(7)]
    assert all(batch["epoch"] == 0 and batch["training"] for batch in batches)
    assert sorted(flat(indices(batches))) == POSITIONS.tolist()


def test_epochs_differ_and_come_again():
    one = loader()
    first = indices(one)
    assert indices(one) == first  # asked again for the same epoch
    one.set_epoch(1)
    second = indices(one)
    assert second != first
    one.set_epoch(0)
    assert indices(one) == first


def test_the_epoch_may_be_set_after_the_iterator_is_made():
    one, other = loader(), loader()
    batches = iter(one)
    one.set_epoch(4)
    other.set_epoch(4)
    assert indices(batches) == indices(other)


def flat(lists):
    return [item for items in lists for item in items]


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize(("make", "arguments"), [(RandomSampler, {}), (MPerClassSampler, {"m": 2})])
def test_processes_together_see_what_one_sees(world_size, make, arguments):
    alone = indices(loader(make=make, **arguments))
    shared = [indices(loader(rank, world_size, make, **arguments)) for rank in range(world_size)]
    assert all(len(batches) == len(alone) for batches in shared)
    for i, batch in enumerate(alone):
        assert sorted(flat(batches[i] for batches in shared)) == sorted(batch)
        sizes = [len(batches[i]) for batches in shared]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("stop", [0, 1, 3, 7])
def test_resumes_with_the_next_batch(stop):
    undisturbed = loader()
    undisturbed.set_epoch(2)
    rest = indices(undisturbed)[stop:]
    first = loader()
    first.set_epoch(2)
    batches = iter(first)
    for _ in range(stop):
        next(batches)
    state = first.state_dict()
    second = loader()
    iter(second)  # Lightning does this to check whether it can
    second.load_state_dict(state)
    again = iter(second)
    second.set_epoch(2)  # then it sets the resumed epoch
    assert indices(again) == rest
    assert len(second) == 7  # progress is relative to the full epoch
    second.set_epoch(3)
    undisturbed.set_epoch(3)
    assert indices(second) == indices(undisturbed)


def test_a_state_fits_any_number_of_processes():
    one = loader()
    batches = iter(one)
    next(batches)
    next(batches)
    rest = []
    for rank in range(2):
        other = loader(rank, 2)
        other.load_state_dict(one.state_dict())
        rest.append(indices(other))
    together = [sorted(a + b) for a, b in zip(*rest, strict=True)]
    assert together == [sorted(batch) for batch in indices(batches)]


def test_lightning_sees_a_stateful_loader_with_a_sampler():
    assert isinstance(loader(), _Stateful)
    assert not isinstance(EvaluationLoader(POSITIONS, 8), _Stateful)
    combined = CombinedLoader(loader(), "max_size_cycle")
    assert len(list(combined)) == 7
    assert callable(loader().sampler.set_epoch)


def test_more_processes_than_posters_in_a_batch():
    sampler = RandomSampler(GENRES, batch_size=2, seed=0)
    with pytest.raises(InputError, match=r"sampler\.batch_size: batches of 1 posters cannot be shared by 2"):
        BatchLoader(sampler, POSITIONS, rank=0, world_size=2)


def test_a_sampler_of_other_posters_is_refused():
    with pytest.raises(ValueError, match="draws from 53 posters"):
        BatchLoader(RandomSampler(GENRES, batch_size=8), POSITIONS[:50])


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize(("count", "batch_size"), [(53, 8), (52, 8), (3, 256), (1, 1)])
def test_evaluation_covers_the_split_in_order(world_size, count, batch_size):
    positions = np.arange(10, 10 + count)
    ranks = [list(EvaluationLoader(positions, batch_size, rank=r, world_size=world_size)) for r in range(world_size)]
    lengths = {len(batches) for batches in ranks}
    assert lengths == {len(EvaluationLoader(positions, batch_size, world_size=world_size))}
    sizes = [[len(batch["index"]) for batch in batches] for batches in ranks]
    assert all(own == sizes[0] for own in sizes)  # every process has the same number of posters in every batch
    merged = [
        int(i)
        for batches in zip(*ranks, strict=True)
        for row in zip(*(batch["index"].tolist() for batch in batches), strict=True)
        for i in row
    ]
    assert merged[:count] == positions.tolist()
    assert len(merged) - count < world_size
    assert set(merged[count:]) <= set(positions.tolist())
    assert not any(batch["training"] for batches in ranks for batch in batches)


def test_an_empty_split():
    empty = EvaluationLoader(np.arange(0), 8, world_size=2)
    assert len(empty) == 0
    assert list(empty) == []


def test_evaluation_starts_anew_each_time():
    one = EvaluationLoader(POSITIONS, 8)
    next(iter(one))
    one.set_epoch(3)
    batches = list(one)
    assert flat(indices(batches)) == POSITIONS.tolist()
    assert batches[0]["epoch"] == 3
