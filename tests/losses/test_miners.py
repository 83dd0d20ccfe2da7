"""Miners compared with their definitions, for several genres and references, and with pytorch-metric-learning."""

import pytest
import torch

from keyart.errors import InputError
from keyart.losses.base import compute_relations
from keyart.losses.miners.distance_weighted import DistanceWeightedMiner
from keyart.losses.miners.hard import HardMiner
from keyart.losses.miners.multi_similarity import MultiSimilarityMiner
from keyart.losses.miners.none import NoMiner
from keyart.losses.miners.pair_margin import PairMarginMiner
from keyart.losses.miners.semi_hard import SemiHardMiner
from tests.fakes import jaccard, multi_hot, unit


@pytest.fixture
def pml():
    return pytest.importorskip("pytorch_metric_learning.miners")


MINERS = [
    NoMiner(),
    SemiHardMiner(0.3),
    SemiHardMiner(0.3, negatives="nearest"),
    HardMiner(),
    DistanceWeightedMiner(),
    MultiSimilarityMiner(),
    PairMarginMiner(),
]


def single(n, seed=0, offset=0):
    """Create rows with one genre each; return their relations and labels."""
    labels = torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(seed))
    return torch.eye(4)[labels], labels, torch.arange(n) + offset


def case(with_references: bool, n: int = 20, m: int = 26, size: int = 4):
    """Create embeddings, references, relations, labels and reference labels, with one genre per item."""
    genres, labels, index = single(n)
    if not with_references:
        return unit(n, size), None, compute_relations(genres, genres, jaccard, index, index), labels, None
    others, other_labels, other_index = single(m, seed=1, offset=100)
    x, y = unit(n, size), unit(m, size, seed=1)
    return x, y, compute_relations(genres, others, jaccard, index, other_index), labels, other_labels


def rows(*columns):
    return set(zip(*(column.tolist() for column in columns), strict=True))


def pair_sets(relations):
    a, p, b, n = relations.pml_indices()
    return rows(a, p), rows(b, n)


def theirs(miner, x, y, labels, other_labels):
    return miner(x, labels) if y is None else miner(x, labels, y, other_labels)


@pytest.mark.parametrize("with_references", [False, True])
@pytest.mark.parametrize(("kind", "their_kind"), [("semi_hard", "semihard"), ("hard", "hard"), ("violating", "all")])
def test_triplets_equal_pml(kind, their_kind, with_references, pml):
    x, y, relations, labels, others = case(with_references)
    found = SemiHardMiner(0.3, kind)(x, relations, y).triplets
    expected = rows(*theirs(pml.TripletMarginMiner(0.3, their_kind), x, y, labels, others))
    assert rows(*found) == expected
    assert found.shape[1] == len(expected) > 50


@pytest.mark.parametrize("with_references", [False, True])
@pytest.mark.parametrize("positives", ["hard", "semi_hard", "easy", "all"])
@pytest.mark.parametrize("negatives", ["hard", "semi_hard", "easy", "all"])
def test_ranks_equal_pml(positives, negatives, with_references, pml):
    if positives == "semi_hard" and negatives in ("semi_hard", "all"):
        with pytest.raises(InputError, match=r"miner\.positives=semi_hard"):
            HardMiner(positives, negatives)
        return
    if negatives == "semi_hard" and positives == "all":
        with pytest.raises(InputError, match=r"miner\.negatives=semi_hard"):
            HardMiner(positives, negatives)
        return
    x, y, relations, labels, others = case(with_references)
    peer = pml.BatchEasyHardMiner(positives.replace("_", ""), negatives.replace("_", ""))
    a, p, b, n = theirs(peer, x, y, labels, others)
    assert pair_sets(HardMiner(positives, negatives)(x, relations, y)) == (rows(a, p), rows(b, n))
    assert len(a) > 3


@pytest.mark.parametrize("with_references", [False, True])
def test_batch_hard_equals_pml(with_references, pml):
    x, y, relations, labels, others = case(with_references)
    a, p, n = theirs(pml.BatchHardMiner(), x, y, labels, others)
    assert pair_sets(HardMiner()(x, relations, y)) == (rows(a, p), rows(a, n))


@pytest.mark.parametrize("with_references", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7])
def test_multi_similarity_equals_pml(epsilon, with_references, pml):
    x, y, relations, labels, others = case(with_references)
    a, p, b, n = theirs(pml.MultiSimilarityMiner(epsilon), x, y, labels, others)
    assert pair_sets(MultiSimilarityMiner(epsilon)(x, relations, y)) == (rows(a, p), rows(b, n))
    assert len(a) > 20


@pytest.mark.parametrize("with_references", [False, True])
def test_pair_margin_equals_pml(with_references, pml):
    x, y, relations, labels, others = case(with_references)
    a, p, b, n = theirs(pml.PairMarginMiner(0.6, 1.3), x, y, labels, others)
    assert pair_sets(PairMarginMiner(0.6, 1.3)(x, relations, y)) == (rows(a, p), rows(b, n))
    assert 0 < len(b) < int(relations.negative.sum())


def negatives_drawn(triplets, anchor, m):
    return torch.bincount(triplets[2][triplets[0] == anchor], minlength=m).double()


def test_distance_weighted_equals_pml_in_distribution(pml):
    x, y, relations, labels, others = case(with_references=True, n=3, m=40, size=6)
    ours, peer = DistanceWeightedMiner(), pml.DistanceWeightedMiner()
    torch.manual_seed(0)
    for anchor in range(3):
        counts = torch.zeros(2, 40, dtype=torch.float64)
        for _ in range(250):
            counts[0] += negatives_drawn(ours(x, relations, y).triplets, anchor, 40)
            counts[1] += negatives_drawn(torch.stack(peer(x, labels, y, others)), anchor, 40)
        chances = ours.probabilities(torch.cdist(x, y), relations.negative, 6)[anchor]
        for drawn in counts:
            assert drawn.sum() > 1000
            expected = chances * drawn.sum()
            assert (drawn[chances == 0] == 0).all()
            kept = expected > 5
            # Pearson's chi-squared statistic: mean k, standard deviation √2k.
            statistic = ((drawn - expected).square() / expected)[kept].sum()
            assert statistic < kept.sum() + 5 * (2 * kept.sum()) ** 0.5


def test_distance_weights_are_the_papers():
    apart = torch.tensor([[0.2, 0.5, 0.9, 1.3, 1.5]], dtype=torch.float64)
    found = DistanceWeightedMiner().probabilities(apart, torch.ones_like(apart, dtype=torch.bool), 8)[0]
    density = [d ** (8 - 2) * (1 - d * d / 4) ** ((8 - 3) / 2) for d in (0.5, 0.5, 0.9, 1.3)]
    weights = torch.tensor([1 / q for q in density] + [0.0], dtype=torch.float64)
    torch.testing.assert_close(found, weights / weights.sum())


def test_every_positive_pair_gets_one_negative_of_its_anchor():
    genres, index = multi_hot(30, seed=3), torch.arange(30)
    relations = compute_relations(genres, genres, jaccard, index, index)
    a, p, n = DistanceWeightedMiner(nonzero_loss_cutoff=2.0)(unit(30), relations).triplets
    anchors, positives = torch.where(relations.positive & relations.negative.any(1, keepdim=True))
    assert rows(a, p) == rows(anchors, positives)
    assert len(a) == len(anchors)
    assert relations.negative[a, n].all()


@pytest.mark.parametrize(("kind", "low", "high"), [("semi_hard", 0, 0.4), ("hard", -9, 0), ("violating", -9, 0.4)])
def test_triplets_equal_their_definition_on_several_genres(kind, low, high, monkeypatch):
    monkeypatch.setattr("keyart.losses.miners.semi_hard._AT_ONCE", 70)  # several steps, the last one partial
    genres, index, x = multi_hot(16, seed=5), torch.arange(16), unit(16)
    relations = compute_relations(genres, genres, jaccard, index, index)
    d = torch.cdist(x, x)
    expected, nearest = set(), set()
    for a, p in relations.positive.nonzero().tolist():
        fits = [n for n in range(16) if relations.negative[a, n] and low < d[a, n] - d[a, p] <= high]
        expected |= {(a, p, n) for n in fits}
        nearest |= {(a, p, min(fits, key=lambda n: d[a, n]))} if fits else set()
    assert rows(*SemiHardMiner(0.4, kind)(x, relations).triplets) == expected
    assert rows(*SemiHardMiner(0.4, kind, negatives="nearest")(x, relations).triplets) == nearest
    assert len(expected) > len(nearest) > 5


@pytest.mark.parametrize("miner", MINERS, ids=lambda m: m.name)
@pytest.mark.parametrize("genres", [torch.eye(6), torch.ones(6, 6), torch.eye(6)[:1]], ids=["lone", "same", "one"])
def test_degenerate_batches(miner, genres):
    """Check batches without positives, without negatives, with one poster, and with equal embeddings."""
    index = torch.arange(len(genres))
    relations = compute_relations(genres, genres, jaccard, index, index)
    for x in (unit(len(genres), dtype=torch.float32), torch.ones(len(genres), 8)):
        found = miner(x, relations)
        positive, negative = found.pair_masks()
        assert not (positive & ~relations.positive).any()
        assert not (negative & ~relations.negative).any()


@pytest.mark.parametrize("miner", MINERS, ids=lambda m: m.name)
def test_choices_are_among_the_relations_scale_free_and_repeatable(miner):
    genres, index = multi_hot(24, seed=2), torch.arange(24)
    relations = compute_relations(genres, genres, jaccard, index, index)
    x = unit(24, 4)
    scales = torch.linspace(0.5, 3, 24, dtype=torch.float64)[:, None]
    found = []
    for vectors in (x, (x * scales).requires_grad_()):
        torch.manual_seed(7)
        found.append(miner(vectors, relations).pair_masks())
    allowed = (relations.positive, relations.negative)
    for chosen, again, mask in zip(*found, allowed, strict=True):
        assert torch.equal(chosen, again)
        assert chosen.any()
        assert not (chosen & ~mask).any()
    assert all(map(torch.equal, found[0], allowed)) == isinstance(miner, NoMiner)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SemiHardMiner(0), r"miner\.margin=0"),
        (lambda: SemiHardMiner(kind="x"), r"miner\.kind=x"),
        (lambda: SemiHardMiner(negatives="x"), r"miner\.negatives=x"),
        (lambda: HardMiner("x"), r"miner\.positives=x"),
        (lambda: DistanceWeightedMiner(0), r"miner\.cutoff=0"),
        (lambda: DistanceWeightedMiner(1.0, 0.9), r"miner\.nonzero_loss_cutoff=0\.9"),
        (lambda: MultiSimilarityMiner(-1), r"miner\.epsilon=-1"),
        (lambda: PairMarginMiner(3), r"miner\.positive_margin=3"),
    ],
)
def test_values_out_of_range(make, message):
    with pytest.raises(InputError, match=message):
        make()
