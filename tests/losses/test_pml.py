"""On single labels every loss equals its counterpart in pytorch-metric-learning, in value and gradient.

With several genres, losses on pairs also equal it if it gets the pairs.
"""

import pytest
import torch
from torch.nn.functional import one_hot

from tests.fakes import multi_hot
from tests.losses.cases import label, make, related

pml = pytest.importorskip("pytorch_metric_learning.losses")

C = 5
# Classes of all sizes, one with a single poster. With more than 25 rows, torch computes distances by products.
LABELS = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3, 0, 2, 4, 1, 0, 2, 2, 1, 4, 4, 0, 1, 2, 0, 4, 1, 2, 2, 0, 1])
SIZE = 6

THEIRS = [
    ("angular", {"margin": 45.0}, lambda: pml.AngularLoss(alpha=45)),
    ("angular", {"margin": 30.0}, lambda: pml.AngularLoss(alpha=30)),
    ("angular", {"margin": 60.0}, lambda: pml.AngularLoss(alpha=60)),
    ("angular", {"margin": 36.0}, lambda: pml.AngularLoss(alpha=36)),
    ("n_pair", {"pairs": "one_per_genre"}, pml.NPairsLoss),
    ("n_pair", {}, lambda: pml.NTXentLoss(temperature=1)),
    ("triplet", {"margin": 0.2}, lambda: pml.TripletMarginLoss(margin=0.2)),
    ("contrastive", {}, pml.ContrastiveLoss),
    ("contrastive", {"margin": 1.5, "positive_margin": 0.4}, lambda: pml.ContrastiveLoss(0.4, 1.5)),
    ("margin", {}, pml.MarginLoss),
    ("margin", {"learn_beta": True, "nu": 0.1}, lambda: pml.MarginLoss(learn_beta=True, nu=0.1)),
    ("margin", {"learn_beta": "genre", "nu": 0.1}, lambda: pml.MarginLoss(learn_beta=True, nu=0.1, num_classes=C)),
    ("multi_similarity", {}, pml.MultiSimilarityLoss),
    ("multi_similarity", {"margin": 0.2, "alpha": 1.0}, lambda: pml.MultiSimilarityLoss(alpha=1, base=0.2)),
    ("circle", {}, pml.CircleLoss),
    ("circle", {"margin": 0.25, "gamma": 16.0}, lambda: pml.CircleLoss(m=0.25, gamma=16)),
    ("ntxent", {}, pml.NTXentLoss),
    ("ntxent", {"temperature": 0.5}, lambda: pml.NTXentLoss(0.5)),
    ("supcon", {}, pml.SupConLoss),
    ("supcon", {"temperature": 0.5}, lambda: pml.SupConLoss(0.5)),
    ("gain_supcon", {"temperature": 0.5}, lambda: pml.SupConLoss(0.5)),
    ("ranked_list", {}, lambda: pml.RankedListLoss(0.4, 10)),
    (
        "ranked_list",
        {"margin": 0.9, "alpha": 1.3, "positive_temperature": 2.0, "negative_temperature": 3.0, "imbalance": 0.2},
        lambda: pml.RankedListLoss(0.9, 3, imbalance=0.2, alpha=1.3, Tp=2),
    ),
    ("smooth_ap", {}, pml.SmoothAPLoss),
    ("smooth_ap", {"temperature": 0.2}, lambda: pml.SmoothAPLoss(0.2)),
    ("proxy_nca", {}, lambda: pml.ProxyNCALoss(C, SIZE, softmax_scale=9)),
    ("proxy_nca", {"scale": 1.0}, lambda: pml.ProxyNCALoss(C, SIZE)),
    ("proxy_anchor", {}, lambda: pml.ProxyAnchorLoss(C, SIZE)),
    ("arcface", {}, lambda: pml.ArcFaceLoss(C, SIZE)),
    ("arcface", {"margin": 80.0, "scale": 4.0}, lambda: pml.ArcFaceLoss(C, SIZE, margin=80, scale=4)),
    ("cosface", {}, lambda: pml.CosFaceLoss(C, SIZE)),
]


def raw(rows: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(rows, SIZE, generator=generator, dtype=torch.float64)


def share_parameters(ours, theirs) -> dict[str, str]:
    """Copy our parameters to PML's loss; return PML's parameter names by ours."""
    theirs.double()
    if getattr(ours, "proxies", None) is None:
        return {"beta": "beta"} if isinstance(getattr(theirs, "beta", None), torch.nn.Parameter) else {}
    name = "W" if hasattr(theirs, "W") else "proxies"
    value = ours.proxies.detach()
    getattr(theirs, name).data = (value.T if name == "W" else value).clone()
    return {"proxies": name}


def check(ours, theirs, x, rel, *args) -> None:
    names = share_parameters(ours, theirs)
    mine, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    value = ours(torch.nn.functional.normalize(mine, dim=1), rel)
    # PML's angular loss does not normalise the vectors that it uses as negatives.
    expected = theirs(torch.nn.functional.normalize(other, dim=1), *args)
    value.backward()
    expected.backward()
    # PML's Smooth-AP sums in float32 for any input.
    exact = expected.dtype == torch.float64
    torch.testing.assert_close(value, expected.double(), rtol=1e-8 if exact else 1e-6, atol=1e-10)
    torch.testing.assert_close(mine.grad, other.grad, rtol=1e-6 if exact else 1e-5, atol=1e-9 if exact else 1e-7)
    assert mine.grad.abs().max() > 1e-5
    for our_name, their_name in names.items():
        grad = getattr(theirs, their_name).grad
        grad = grad.T if their_name == "W" else grad
        torch.testing.assert_close(getattr(ours, our_name).grad, grad, rtol=1e-6, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Values of Tp or Tn")
@pytest.mark.parametrize(("name", "settings", "theirs"), THEIRS, ids=[f"{n}-{label(s)}" for n, s, _ in THEIRS])
def test_equals_pml_on_single_labels(name, settings, theirs):
    # PML uses the number of posters per class as the number of classes: its result is correct only if they are equal.
    labels = torch.arange(C).repeat_interleave(C) if name == "smooth_ap" else LABELS
    rel = related(one_hot(labels, C).float())
    check(make(name, **settings), theirs(), raw(len(labels)), rel, labels)


PAIRS = {
    "contrastive": pml.ContrastiveLoss,
    "multi_similarity": pml.MultiSimilarityLoss,
    "circle": pml.CircleLoss,
    "ntxent": pml.NTXentLoss,
    "supcon": pml.SupConLoss,
}


@pytest.mark.parametrize("name", PAIRS)
def test_equals_pml_on_the_pairs_of_several_genres(name):
    rel = related(multi_hot(20, C, seed=6))
    check(make(name), PAIRS[name](), raw(20), rel, None, rel.pml_indices())


@pytest.mark.parametrize(("name", "theirs"), [("triplet", pml.TripletMarginLoss), ("margin", pml.MarginLoss)])
def test_equals_pml_on_the_triplets_of_several_genres(name, theirs):
    rel = related(multi_hot(12, C, seed=6))
    triplets = torch.where(rel.positive[:, :, None] & rel.negative[:, None])
    ours = make(name, margin=0.2)
    check(ours, theirs(margin=0.2), raw(12), rel, None, triplets)


def test_angular_n_pair_is_pmls_two_losses():
    ours = make("angular_n_pair", margin=40.0, angular_weight=2.0, pairs="one_per_genre")
    n_pair, angular = pml.NPairsLoss(), pml.AngularLoss(alpha=40)

    class Both(torch.nn.Module):
        def forward(self, x, labels):
            return n_pair(x, labels) + 2 * angular(x, labels)

    check(ours, Both(), raw(len(LABELS)), related(one_hot(LABELS, C).float()), LABELS)
