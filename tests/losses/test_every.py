"""Properties that every loss with a YAML file has, independent of its formula."""

import dataclasses

import pytest
import torch
from torch.nn.functional import normalize

from keyart.losses.base import Relations
from tests.fakes import multi_hot, unit
from tests.losses.cases import (
    GENRES,
    NAMES,
    NEEDED,
    PAIRWISE,
    SETTINGS,
    SIZE,
    batches,
    label,
    loss_class,
    make,
    related,
    takes_references,
)

BATCHES = {
    "no positives": (torch.eye(GENRES), None),
    "no negatives": (torch.ones(6, GENRES), None),
    "one poster": (torch.ones(1, GENRES), None),
    "nobody": (torch.zeros(0, GENRES), None),
    "no genres": (torch.zeros(4, GENRES), None),
    "identical embeddings": (multi_hot(8, GENRES), torch.ones(8, SIZE)),
    "zero embeddings": (multi_hot(8, GENRES), torch.zeros(8, SIZE)),
    "one embedding and its opposite": (multi_hot(8, GENRES), torch.tensor([1.0, -1] * 4)[:, None].expand(8, SIZE)),
}


def taken(loss, x):
    return x if loss.input_kind == "raw" else normalize(x, dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", BATCHES)
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=label)
def test_degenerate_batches_give_finite_values_and_gradients(name, settings, case, dtype):
    genres, rows = BATCHES[case]
    loss = make(name, torch.float32, **settings)
    x = torch.randn(len(genres), SIZE) if rows is None else rows
    x = x.detach().to(dtype, copy=True).requires_grad_()
    value = loss(taken(loss, x), related(genres))
    value.backward()
    assert value.dtype == torch.float32
    assert value.shape == ()
    assert value.isfinite()
    assert x.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in loss.parameters())


@pytest.mark.parametrize("case", ["one poster", "nobody"])
@pytest.mark.parametrize("name", [name for name in PAIRWISE if name != "sum"])
def test_a_poster_with_nobody_to_compare_with_teaches_nothing(name, case):
    loss = make(name, torch.float32)
    x = torch.randn(len(BATCHES[case][0]), SIZE, requires_grad=True)
    value = loss(taken(loss, x), related(BATCHES[case][0]))
    value.backward()
    assert value == 0
    assert (x.grad == 0).all()


@pytest.mark.parametrize("name", PAIRWISE)
def test_no_references_at_all(name):
    loss = make(name, torch.float32)
    x = torch.randn(3, SIZE, requires_grad=True)
    rel = related(multi_hot(3, GENRES), torch.zeros(0, GENRES))
    value = loss(taken(loss, x), rel, torch.zeros(0, SIZE))
    value.backward()
    assert value.isfinite()
    assert x.grad.isfinite().all()


# Sampling of one pair per genre depends on the order: it uses the first pair.
@pytest.mark.parametrize(("name", "settings"), [s for s in SETTINGS if "pairs" not in s[1]], ids=label)
def test_order_does_not_matter(name, settings):
    loss = make(name, **settings)
    torch.manual_seed(0)
    order, shuffle = torch.randperm(16), torch.randperm(12)
    genres, x = multi_hot(16, GENRES, seed=1), unit(16, SIZE, seed=2)
    rel = related(genres)
    permuted = dataclasses.replace(related(genres[order]), frozen=rel.frozen[order][:, order])
    torch.testing.assert_close(loss(x, rel), loss(x[order], permuted))
    if takes_references(name, settings):
        memory, y = multi_hot(12, GENRES, seed=3), unit(12, SIZE, seed=4)
        rel = related(genres, memory)
        permuted = related(genres[order], memory[shuffle])
        permuted = dataclasses.replace(permuted, frozen=rel.frozen[order][:, shuffle])
        torch.testing.assert_close(loss(x, rel, y), loss(x[order], permuted, y[shuffle]))


@pytest.mark.parametrize("name", NAMES)
def test_computes_in_float32_under_autocast(name):
    loss, rel = make(name, torch.float32), related(multi_hot(16, GENRES, seed=1))
    x = unit(16, SIZE, seed=2).bfloat16()
    plain = loss(x.float(), rel)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(x, rel), plain)
        assert torch.equal(loss(x.float(), rel), plain)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_near_float64(name):
    rel, x = related(multi_hot(30, GENRES, seed=1)), unit(30, SIZE, seed=2)
    expected = make(name)(x, rel)
    torch.testing.assert_close(make(name, torch.float32)(x.float(), rel).double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_obeys_a_miner_or_says_that_it_does_not(name):
    loss, x = make(name), unit(11, SIZE, seed=2)
    all_of_them = batches()
    full = loss(x, all_of_them["batch"][0])
    for mined in ("mined", "triplets"):
        narrowed = loss(x, all_of_them[mined][0])
        # Smooth-AP ranks the items of any masks, although it does not accept a miner.
        if loss.supports_miner or name == "smooth_ap":
            assert narrowed != full
        else:
            assert narrowed == full


@pytest.mark.parametrize("name", NAMES)
def test_asks_for_what_it_needs(name):
    loss, rel = make(name), related(multi_hot(6, GENRES))
    without = dataclasses.replace(rel, frozen=None)
    if loss.needs_frozen_features:
        with pytest.raises(RuntimeError, match="frozen"):
            loss(unit(6, SIZE), without)
    else:
        assert loss(unit(6, SIZE), without).isfinite()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sum"])
def test_refuses_to_work_before_it_is_built(name):
    loss = loss_class(name)(**NEEDED.get(name, {}))
    built = set(dict(make(name).named_parameters())) == set(dict(loss.named_parameters()))
    if built:
        assert loss(unit(6, SIZE), related(multi_hot(6, GENRES))).isfinite()
    else:
        with pytest.raises(RuntimeError, match="build"):
            loss(unit(6, SIZE), related(multi_hot(6, GENRES)))


def test_smooth_ap_is_the_same_in_parts(monkeypatch):
    loss, rel = make("smooth_ap", temperature=0.2), related(multi_hot(16, GENRES, seed=1))
    results = []
    for table in (2**24, 16 * 7):
        monkeypatch.setattr("keyart.losses.smooth_ap._TABLE", table)
        x = unit(16, SIZE, seed=2).requires_grad_()
        value = loss(x, rel)
        value.backward()
        results.append((value.detach(), x.grad))
    torch.testing.assert_close(*results)


def test_compared_pairs_made_by_hand_follow_from_gain_and_masks():
    rel = related(multi_hot(9, GENRES, seed=1))
    by_hand = Relations(rel.gain, rel.positive, rel.negative, rel.genres, rel.reference_genres)
    assert torch.equal(by_hand.valid_pairs(), rel.valid_pairs())
    assert torch.equal(rel.valid_pairs(), ~torch.eye(9, dtype=torch.bool))
