"""Losses compared with their formulas, with pytorch-metric-learning, and on batches without pairs."""

import math

import pytest
import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.losses.angular import AngularLoss
from keyart.losses.base import Relations, compute_relations
from keyart.losses.bce import BCELoss
from keyart.losses.triplet import TripletLoss
from tests.fakes import jaccard, multi_hot, unit


def relations(genres: Tensor, reference_genres: Tensor | None = None) -> Relations:
    index = torch.arange(len(genres))
    if reference_genres is None:
        return compute_relations(genres, genres, jaccard, index, index)
    return compute_relations(
        genres, reference_genres, jaccard, index, len(genres) + torch.arange(len(reference_genres))
    )


def gradient(loss, raw: Tensor, *args) -> tuple[Tensor, Tensor]:
    """Return the value, and the gradient with respect to the vectors before normalisation."""
    raw = raw.clone().requires_grad_()
    value = loss(torch.nn.functional.normalize(raw, dim=1), *args)
    value.backward()
    return value.detach(), raw.grad


def naive_angular(x: Tensor, y: Tensor, rel: Relations, degrees: float) -> Tensor:
    """Compute the angular loss of Wang et al. 2017 pair by pair and negative by negative."""
    t = math.tan(math.radians(degrees)) ** 2
    terms = []
    for a in range(len(x)):
        for p in range(len(y)):
            if not rel.positive[a, p]:
                continue
            total = torch.zeros((), dtype=x.dtype)
            for n in range(len(y)):
                if rel.negative[a, n]:
                    f = 4 * t * ((x[a] + y[p]) @ y[n]) - 2 * (1 + t) * (x[a] @ y[p])
                    total = total + torch.exp(f)
            terms.append(torch.log(1 + total))
    return torch.stack(terms).mean()


def naive_triplet(x: Tensor, y: Tensor, rel: Relations, margin: float, semi_hard: bool) -> Tensor:
    """Compute the triplet loss of Schroff et al. 2015 triplet by triplet."""
    terms = []
    for a in range(len(x)):
        for p in range(len(y)):
            for n in range(len(y)):
                if rel.positive[a, p] and rel.negative[a, n]:
                    near, far = (x[a] - y[p]).norm(), (x[a] - y[n]).norm()
                    if near - far + margin > 0 and (not semi_hard or near < far):
                        terms.append(near - far + margin)
    return torch.stack(terms).mean()


def check_equal(ours, naive, raw, *args) -> None:
    value, grad = gradient(ours, raw, *args)
    expected, expected_grad = gradient(naive, raw, *args)
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-9, atol=1e-12)
    assert grad.abs().max() > 1e-4


@pytest.mark.parametrize("degrees", [20, 45, 55, 75])
def test_angular_equals_its_formula_on_several_genres(degrees):
    rel = relations(multi_hot(14, seed=1))
    assert rel.positive.any()
    assert (rel.gain[~rel.positive & ~rel.negative] > 0).any()
    check_equal(AngularLoss(degrees), lambda x, r: naive_angular(x, x, r, degrees), unit(14, seed=2), rel)


def test_angular_equals_its_formula_with_references():
    genres, memory = multi_hot(6, seed=3), multi_hot(11, seed=4)
    rel, y = relations(genres, memory), unit(11, seed=5)
    check_equal(lambda x, r: AngularLoss(45)(x, r, y), lambda x, r: naive_angular(x, y, r, 45), unit(6, seed=6), rel)


@pytest.mark.parametrize("semi_hard", [False, True])
@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0])
def test_triplet_equals_its_formula_on_several_genres(margin, semi_hard):
    rel = relations(multi_hot(14, seed=1))
    loss = TripletLoss(margin, mining="semi_hard" if semi_hard else "all")
    check_equal(loss, lambda x, r: naive_triplet(x, x, r, margin, semi_hard), unit(14, size=4, seed=2), rel)


def test_triplet_equals_its_formula_with_references():
    genres, memory = multi_hot(6, seed=3), multi_hot(11, seed=4)
    rel, y = relations(genres, memory), unit(11, seed=5)
    check_equal(
        lambda x, r: TripletLoss(0.3)(x, r, y),
        lambda x, r: naive_triplet(x, y, r, 0.3, False),
        unit(6, seed=6),
        rel,
    )


def test_triplet_takes_the_triplets_of_a_miner():
    rel = relations(multi_hot(10, seed=1))
    a, p, n = (part[:7] for part in torch.where(rel.positive[:, :, None] & rel.negative[:, None]))
    mined = Relations(
        rel.gain, rel.positive, rel.negative, rel.genres, rel.reference_genres, triplets=torch.stack([a, p, n])
    )

    def naive(x, r):
        gaps = (x[a] - x[p]).norm(dim=1) - (x[a] - x[n]).norm(dim=1) + 1.0
        return gaps[gaps > 0].mean()

    check_equal(TripletLoss(1.0), naive, unit(10, seed=2), mined)


SINGLE = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3, 0, 2, 4, 1])


@pytest.mark.parametrize("degrees", [30, 45, 60])
def test_angular_equals_pml_on_single_labels(degrees):
    pml = pytest.importorskip("pytorch_metric_learning.losses")
    rel, raw = relations(torch.eye(5)[SINGLE]), torch.randn(12, 8, dtype=torch.float64)
    check_equal(AngularLoss(degrees), lambda x, r: pml.AngularLoss(alpha=degrees)(x, SINGLE), raw, rel)


def test_triplet_equals_pml_on_single_labels():
    pml = pytest.importorskip("pytorch_metric_learning.losses")
    rel, raw = relations(torch.eye(5)[SINGLE]), torch.randn(12, 4, dtype=torch.float64)
    theirs = pml.TripletMarginLoss(margin=0.2)
    check_equal(TripletLoss(0.2), lambda x, r: theirs(x, SINGLE), raw, rel)
    miner = pytest.importorskip("pytorch_metric_learning.miners").TripletMarginMiner(
        margin=0.4, type_of_triplets="semihard"
    )
    theirs = pml.TripletMarginLoss(margin=0.4)
    ours = TripletLoss(0.4, mining="semi_hard")
    check_equal(ours, lambda x, r: theirs(x, SINGLE, miner(x, SINGLE)), raw, rel)


@pytest.mark.parametrize("degrees", [1, 45, 60, 67, 68, 80])
def test_angular_is_exact_in_float32_at_extreme_embeddings(degrees):
    """Check equal, opposite and mixed embeddings, which have the largest and smallest possible exponents."""
    x = torch.cat([unit(6, seed=1), unit(3, seed=2), -unit(6, seed=1)])
    rel = relations(multi_hot(15, seed=3))
    expected, expected_grad = gradient(lambda v, r: naive_angular(v, v, r, degrees), x, rel)
    value, grad = gradient(AngularLoss(degrees), x.float(), rel)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), expected, rtol=2e-5, atol=0)
    torch.testing.assert_close(grad.double(), expected_grad, rtol=1e-3, atol=1e-4 * expected_grad.abs().max().item())


def test_bce_equals_its_formula():
    genres = multi_hot(9, seed=1)
    loss = BCELoss(pos_weight="balanced")
    counts = torch.tensor([50, 40, 30, 10, 1])
    loss.build(6, counts, 60)
    raw = torch.randn(9, 6, dtype=torch.float64, requires_grad=True)
    value = loss(raw, relations(genres))
    weight = (60 - counts.double()) / counts
    logits = raw @ loss.classifier.weight.double().T + loss.classifier.bias.double()
    prob = 1 / (1 + torch.exp(-logits))
    expected = -(weight * genres * prob.log() + (1 - genres) * (1 - prob).log()).mean()
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(loss.probabilities(raw), prob)
    value.backward()
    assert loss.classifier.weight.grad.abs().max() > 0


def test_bce_needs_its_layer_and_a_sane_weight():
    with pytest.raises(RuntimeError, match="build"):
        BCELoss()(torch.randn(3, 4), relations(multi_hot(3)))
    for bad in (0, -1, "heavy", True):
        with pytest.raises(InputError, match="pos_weight"):
            BCELoss(pos_weight=bad)


def every_loss():
    bce = BCELoss()
    bce.build(8, torch.ones(5), 10)
    yield from (AngularLoss(), AngularLoss(80), TripletLoss(), TripletLoss(mining="semi_hard"), bce)


BATCHES = {
    "no positives": (torch.eye(5), None),
    "no negatives": (torch.ones(6, 5), None),
    "one poster": (torch.ones(1, 5), None),
    "nobody": (torch.zeros(0, 5), None),
    "no genres": (torch.zeros(4, 5), None),
    "identical embeddings": (multi_hot(8), torch.ones(8, 8)),
    "zero embeddings": (multi_hot(8), torch.zeros(8, 8)),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", BATCHES)
def test_degenerate_batches_give_finite_values_and_gradients(case, dtype):
    genres, rows = BATCHES[case]
    for loss in every_loss():
        x = torch.randn(len(genres), 8) if rows is None else rows
        x = x.detach().to(dtype, copy=True).requires_grad_()
        value = loss(x if loss.input_kind == "raw" else torch.nn.functional.normalize(x, dim=1), relations(genres))
        assert value.dtype == torch.float32
        assert value.isfinite()
        value.backward()
        assert x.grad.isfinite().all()
        if case in ("no positives", "one poster", "nobody", "no genres") and loss.supports_memory:
            assert value == 0
            assert (x.grad == 0).all()


def test_order_of_the_batch_does_not_matter():
    genres, x, order = multi_hot(16, seed=1), unit(16, seed=2), torch.randperm(16)
    for loss in every_loss():
        torch.testing.assert_close(loss(x, relations(genres)), loss(x[order], relations(genres[order])))


def test_losses_compute_in_float32_under_autocast():
    genres, x = multi_hot(16, seed=1), unit(16, seed=2).float()
    for loss in every_loss():
        plain = loss(x, relations(genres))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(loss(x, relations(genres)), plain)


def test_a_poster_and_itself_are_neither():
    genres = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    rel = compute_relations(genres, genres, jaccard, torch.tensor([7, 7, 9]), torch.tensor([7, 3, 9]))
    assert rel.positive.tolist() == [[False, True, False], [False, True, False], [False, False, False]]
    assert rel.negative.tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    anchors, positives, others, negatives = rel.pml_indices()
    assert list(zip(anchors.tolist(), positives.tolist(), strict=True)) == [(0, 1), (1, 1)]
    assert list(zip(others.tolist(), negatives.tolist(), strict=True)) == [(0, 2), (1, 2), (2, 0), (2, 1)]


@pytest.mark.parametrize(
    ("loss", "margin", "message"),
    [
        (AngularLoss, 400, ["loss.margin=400", "degrees", "1 to 80"]),
        (TripletLoss, 45, ["loss.margin=45", "distance", "0 to 2"]),
        (AngularLoss, "abc", ["loss.margin=abc", "number"]),
        (AngularLoss, float("nan"), ["loss.margin=nan"]),
        (BCELoss, 1, ["loss.margin=1", "has no margin"]),
    ],
)
def test_margins_out_of_range_are_refused_with_unit_and_range(loss, margin, message):
    with pytest.raises(InputError) as caught:
        loss(margin)
    assert all(part in str(caught.value) for part in message)
    assert "\n" not in str(caught.value)


def test_margins_have_defaults():
    assert (AngularLoss().margin, TripletLoss().margin, BCELoss().margin) == (36, 0.2, None)
    with pytest.raises(InputError, match="mining"):
        TripletLoss(mining="hardest")


def test_angular_memory_does_not_grow_with_pairs():
    """Check that it allocates only N × M tables: with 66,000 pairs of 512 posters, pairs × N would take 270 MB."""
    genres, x = torch.eye(2)[torch.arange(512) % 2], unit(512, size=16).float().requires_grad_()
    rel = relations(genres)
    sizes = []

    def record(tensor):
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(record, lambda tensor: tensor):
        AngularLoss()(x, rel).backward()
    assert max(sizes) <= 512 * 512
    assert len(sizes) < 20
