"""Gradient caching: the gradient of one large batch, with the memory of a chunk."""

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from keyart.errors import InputError
from keyart.losses.angular import AngularLoss
from keyart.losses.base import compute_relations
from keyart.training.gradient_cache import in_chunks
from tests.fakes import jaccard, multi_hot
from tests.training.test_module import Recorder, fit, make


class Network(nn.Module):
    """Float64 network with dropout that counts the rows that pass through it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Dropout(dropout), nn.Linear(32, 8)).double()
        self.seen: list[int] = []

    def forward(self, rows):
        self.seen.append(len(rows))
        return self.layers(rows)


def gradients(network, embed, rows, genres):
    network.zero_grad()
    torch.manual_seed(3)
    index = torch.arange(len(rows))
    loss = AngularLoss()(
        nn.functional.normalize(embed(rows), dim=1), compute_relations(genres, genres, jaccard, index, index)
    )
    loss.backward()
    return [loss.detach(), *(p.grad.clone() for p in network.parameters())]


@pytest.mark.parametrize("size", [1, 5, 7, 20, 64])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_the_gradient_is_that_of_one_big_batch(size, dropout):
    rows = torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    genres, network = multi_hot(20, seed=1), Network(dropout)

    def whole(x):
        # One pass for all rows; dropout is drawn per chunk, so that it is the same.
        return torch.cat([network(chunk) for chunk in x.split(size)]) if dropout else network(x)

    expected = gradients(network, whole, rows, genres)
    network.seen.clear()
    found = gradients(network, lambda x: in_chunks(network, x, size), rows, genres)
    chunks = [len(chunk) for chunk in rows.split(size)]
    assert network.seen == ([20] if size >= 20 else [*chunks, *chunks[::-1]])
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.abs().max() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-12)


def most_alive(network, embed, rows) -> int:
    """Return the maximum number of rows with hidden activations in memory, over a forward and a backward pass."""
    created, most = [], 0

    def look(module, inputs, output) -> None:
        nonlocal most
        created.append((StorageWeakRef(output.untyped_storage()), len(output)))
        most = max(most, sum(n for activations, n in created if not activations.expired()))

    handle = network.layers[1].register_forward_hook(look)
    embed(rows).sum().backward()
    handle.remove()
    return most


def test_activations_of_one_chunk_are_in_memory_at_a_time():
    network, rows = Network(0.0), torch.randn(64, 6, dtype=torch.float64)
    assert most_alive(network, lambda x: torch.cat([network(chunk) for chunk in x.split(16)]), rows) == 64
    assert most_alive(network, lambda x: in_chunks(network, x, 16), rows) == 16


def test_without_gradient_nothing_is_cut():
    network = Network(0.0)
    with torch.no_grad():
        in_chunks(network, torch.randn(20, 6, dtype=torch.float64), 5)
    assert network.seen == [20]


def test_training_in_chunks_equals_training_at_once():
    """Fine-tune with clipping and a head that draws dropout for the whole batch."""
    losses, states, sizes = [], [], []
    for chunk_size in (None, 3):
        module, loader = make(head_epochs=1, finetune_epochs=1, chunk_size=chunk_size)
        seen = []
        handle = module.embedder.backbone.register_forward_pre_hook(lambda _, x, seen=seen: seen.append(len(x[0])))
        recorder = Recorder()
        fit(module, loader, recorder)
        handle.remove()
        losses.append(recorder.losses)
        states.append(module.state_dict())
        sizes.append(seen)
    assert sizes[0] == [8] * 3
    assert sizes[1] == [3, 3, 2, 2, 3, 3] * 3
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-3, atol=1e-5, msg=lambda m, k=key: f"{k}: {m}")


def test_a_chunk_size_below_one_is_refused():
    with pytest.raises(InputError, match=r"training\.chunk_size=0"):
        make(chunk_size=0)
