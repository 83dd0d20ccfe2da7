"""Losses and miners as users of pytorch-metric-learning call them, in a plain loop."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

import keyart
from keyart.catalogue.relevance import Relevance
from keyart.losses import AngularLoss, BCELoss, HardMiner, TrainingLoss, TripletLoss, compute_relations
from tests.fakes import jaccard, multi_hot, unit
from tests.forked import run_two


def batch(n=24, seed=0):
    return unit(n, seed=seed).requires_grad_(), multi_hot(n, seed=seed)


def test_relevance_is_an_argument():
    embeddings, labels = batch()
    loss = AngularLoss(40)
    index = torch.arange(len(labels))
    for given in ("any", "exact", "jaccard", jaccard):
        function = given if callable(given) else Relevance(given)
        expected = loss(embeddings, compute_relations(labels, labels, function, index, index))
        torch.testing.assert_close(loss(embeddings, labels, relevance=given), expected)
    assert loss(embeddings, labels, relevance="any") != loss(embeddings, labels)
    with pytest.raises(keyart.InputError, match="needs the genres' weights"):
        loss(embeddings, labels, relevance="idf_cosine")


def test_a_miner_takes_labels_and_its_pairs_go_to_the_loss():
    embeddings, labels = batch()
    index = torch.arange(len(labels))
    relations = compute_relations(labels, labels, jaccard, index, index)
    loss, miner = TripletLoss(), HardMiner()
    expected = loss(embeddings, miner(embeddings, relations))
    assert loss(embeddings, labels, indices_tuple=miner(embeddings, labels)) == expected
    assert loss(embeddings, miner(embeddings, labels)) == expected
    assert loss(embeddings, labels) != expected


@pytest.mark.parametrize("name", ["MultiSimilarityMiner", "TripletMarginMiner"])
def test_pairs_of_pml_miners_on_single_labels(name):
    pytest.importorskip("pytorch_metric_learning")
    from pytorch_metric_learning import losses, miners

    embeddings, classes = unit(24).float().requires_grad_(), torch.arange(24) % 5
    pairs = getattr(miners, name)()(embeddings, classes)
    theirs = losses.TripletMarginLoss(margin=0.1)
    ours = keyart.losses.from_pml(losses.TripletMarginLoss(margin=0.1))
    if len(pairs) == 3:
        expected = theirs(embeddings, classes, pairs)
        value = ours(embeddings, classes, indices_tuple=pairs)
        torch.testing.assert_close(value, expected)
        for one, two in zip(*(torch.autograd.grad(v, embeddings) for v in (value, expected)), strict=True):
            torch.testing.assert_close(one, two)
    else:
        expected = losses.ContrastiveLoss()(embeddings, classes, pairs)
        value = keyart.losses.from_pml(losses.ContrastiveLoss())(embeddings, classes, indices_tuple=pairs)
        torch.testing.assert_close(value, expected)
    with pytest.raises(ValueError, match="3 or 4 tensors"):
        ours(embeddings, classes, indices_tuple=pairs[:2])


@pytest.mark.parametrize("miner", [None, HardMiner()])
def test_without_memory_it_is_the_loss(miner):
    embeddings, labels = batch()
    raw = 3 * embeddings
    loss = TrainingLoss(AngularLoss(40), miner, relevance="any")
    pairs = None if miner is None else miner(raw, labels, relevance="any")
    expected = AngularLoss(40)(raw, labels, relevance="any", indices_tuple=pairs)
    torch.testing.assert_close(loss(raw, labels), expected)


def test_class_numbers():
    embeddings, _ = batch()
    classes = torch.arange(24) % 5
    expected = AngularLoss(40)(embeddings, classes)
    torch.testing.assert_close(TrainingLoss(AngularLoss(40))(embeddings, 7 * classes), expected)
    torch.testing.assert_close(TrainingLoss(AngularLoss(40), num_labels=9)(embeddings, classes), expected)


def test_a_memory_compares_with_earlier_batches_and_is_saved():
    first, second = batch(seed=0), batch(seed=1)
    created = [TrainingLoss(AngularLoss(40), memory_size=24, embedding_size=8, num_labels=5) for _ in range(2)]
    created[0](*first)
    created[1].load_state_dict(created[0].state_dict())
    values = [loss(*second) for loss in created]
    assert values[0] == values[1]
    both = torch.cat((second[0], first[0].detach().float().double()))
    index = torch.arange(48)
    labels = torch.cat((second[1], first[1]))
    expected = AngularLoss(40)(second[0], compute_relations(second[1], labels, jaccard, index[:24], index), both)
    torch.testing.assert_close(values[0], expected)


def test_an_item_is_not_compared_with_itself_in_the_memory():
    embeddings, labels = batch()
    loss = TrainingLoss(AngularLoss(40), memory_size=24, embedding_size=8, num_labels=5)
    ids = torch.arange(24)
    alone = loss(embeddings, labels, ids)
    torch.testing.assert_close(loss(embeddings, labels, ids), alone)
    assert loss(embeddings, labels, ids + 24) != alone


def test_what_cannot_be_combined_is_refused():
    with pytest.raises(keyart.InputError, match="no pairs to choose"):
        TrainingLoss(BCELoss(), HardMiner())
    with pytest.raises(keyart.InputError, match="needs embedding_size and num_labels"):
        TrainingLoss(AngularLoss(), memory_size=8)


def test_a_plain_loop_learns():
    torch.manual_seed(0)
    labels = multi_hot(64)
    images = labels @ torch.randn(5, 12) + 0.3 * torch.randn(64, 12)
    model = nn.Linear(12, 8)
    loss = TrainingLoss(AngularLoss(40), HardMiner(), memory_size=128, embedding_size=8, num_labels=5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def quality():
        metric = keyart.metrics.RetrievalMetrics(metrics=["ndcg@10"])
        metric.update(model(images), labels)
        return float(metric.compute()["ndcg@10"])

    before = quality()
    for _ in range(30):
        for rows in torch.randperm(64).split(16):
            optimizer.zero_grad()
            loss(model(images[rows]), labels[rows], rows).backward()
            optimizer.step()
    assert quality() > before + 0.05


def _work(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(0)
    images, labels = torch.randn(13, 6), torch.randint(0, 3, (13,))
    model = nn.parallel.DistributedDataParallel(nn.Linear(6, 4))
    loss = TrainingLoss(AngularLoss(40), memory_size=20, embedding_size=4, num_labels=3)
    for _ in range(2):
        model.zero_grad()
        loss(model(images[rank::2]), labels[rank::2]).backward()
    torch.save(model.module.weight.grad, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_have_the_gradient_of_one(tmp_path):
    run_two(_work, str(tmp_path))
    torch.manual_seed(0)
    images, labels = torch.randn(13, 6), torch.randint(0, 3, (13,))
    model = nn.Linear(6, 4)
    loss = TrainingLoss(AngularLoss(40), memory_size=20, embedding_size=4, num_labels=3)
    for _ in range(2):
        model.zero_grad()
        loss(model(images), labels).backward()
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f"{rank}.pt"), model.weight.grad, rtol=1e-4, atol=1e-6)
