"""Values and all gradients of every loss equal those of its paper's formula in loops."""

import pytest
import torch
from torch.nn.functional import normalize

from tests.losses.cases import NAMES, SETTINGS, SIZE, batches, label, make, takes_references
from tests.losses.naive import NAIVE

BATCHES = batches()
# Losses that compare posters only with genres take no references; neither do some of pytorch-metric-learning.
CASES = [
    (name, settings, batch)
    for name, settings in SETTINGS
    for batch in BATCHES
    if takes_references(name, settings) or batch != "memory"
]


def leaf(rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, SIZE, generator=generator, dtype=torch.float64).requires_grad_()


def value_and_gradients(function, loss, rel, memory):
    """Return the value and the gradients of raw vectors, of references, and of the loss's own parameters."""
    raw, others = leaf(len(rel.positive), 1), None if memory is None else leaf(memory, 2)
    takes = (lambda v: v) if loss.input_kind == "raw" else (lambda v: normalize(v, dim=1))
    loss.zero_grad()
    value = function(takes(raw), None if others is None else takes(others), rel)
    value.backward()
    leaves = {"rows": raw, "references": others, **dict(loss.named_parameters())}
    grads = {key: leaf.grad for key, leaf in leaves.items() if leaf is not None and leaf.grad is not None}
    return value.detach(), {key: grad.clone() for key, grad in grads.items()}


def test_every_yaml_has_a_formula_here():
    assert set(NAIVE) == set(NAMES)


@pytest.mark.parametrize(("name", "settings", "batch"), CASES, ids=label)
def test_equals_its_formula(name, settings, batch):
    loss, (rel, memory) = make(name, **settings), BATCHES[batch]
    ours = value_and_gradients(lambda x, y, r: loss(x, r, y), loss, rel, memory)
    naive = value_and_gradients(lambda x, y, r: NAIVE[name](loss, x, x if y is None else y, r), loss, rel, memory)
    torch.testing.assert_close(ours[0], naive[0], rtol=1e-9, atol=1e-12)
    assert ours[1].keys() == naive[1].keys()
    for key, grad in ours[1].items():
        torch.testing.assert_close(grad, naive[1][key], rtol=1e-8, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}")
    assert ours[1]["rows"].abs().max() > 1e-4
    assert memory is None or ours[1]["references"].abs().max() > 1e-4
