"""Two processes together learn what one learns on the joined batch."""

import pytest
import torch
import torch.distributed as dist

from onesheet.embedding import (
    AngularLoss,
    BCELoss,
    Embedder,
    EmbeddingModule,
    HeadEnsemble,
    LinearHead,
    TripletLoss,
    create_backbone,
    gather_rows,
)

from .fakes import jaccard, multi_hot

SIZE = (64, 48)
ROWS = (5, 3)


def batches(kind: str):
    """The joined batch, and its two uneven shares."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(sum(ROWS), 3, *SIZE, generator=generator)
    features = torch.randn(sum(ROWS), 96, generator=generator)
    whole = {"index": torch.arange(sum(ROWS)), "genres": multi_hot(sum(ROWS), seed=1)}
    whole[kind] = features if kind == "features" else images
    shares = [{key: value.split(ROWS)[rank] for key, value in whole.items()} for rank in (0, 1)]
    return whole, shares


def module(loss_name: str) -> EmbeddingModule:
    torch.manual_seed(0)
    backbone = create_backbone("test_resnet", "none", "avg", SIZE)
    head = HeadEnsemble([LinearHead(96, 4), LinearHead(96, 4)])
    loss = {"angular": AngularLoss, "triplet": TripletLoss, "bce": BCELoss}[loss_name]()
    loss.build(4, torch.ones(5), 10)
    made = EmbeddingModule(Embedder(backbone, head), loss, jaccard, finetune_epochs=1, precision="fp32")
    made.log = lambda *args, **kwargs: None
    return made


def gradients(made: EmbeddingModule, batch) -> dict[str, torch.Tensor]:
    loss = made.training_step(batch, 0)
    loss.backward()
    found = {name: p.grad for name, p in made.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **found}


CASES = [("angular", "features"), ("angular", "pixels"), ("triplet", "features"), ("bce", "features")]


def _work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    results = {}
    for case in CASES:
        loss_name, kind = case
        share = batches(kind)[1][rank]
        if case == ("triplet", "features"):
            share["sizes"] = list(ROWS)
        found = gradients(module(loss_name), share)
        for name, value in found.items():
            if name != "loss":  # what DistributedDataParallel does
                dist.all_reduce(value)
                value /= 2
        results[case] = found
    rows = torch.arange(ROWS[rank] * 2).view(-1, 2) + 100 * rank
    results["rows"] = gather_rows(rows)
    results["empty"] = gather_rows(rows[: 2 * rank])
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_have_the_gradient_of_one_on_the_joined_batch(tmp_path):
    torch.multiprocessing.spawn(_work, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        results = torch.load(tmp_path / f"{rank}.pt")
        for loss_name, kind in CASES:
            expected = gradients(module(loss_name), batches(kind)[0])
            found = results[(loss_name, kind)]
            assert found.keys() == expected.keys()
            assert any(value.abs().max() > 1e-3 for name, value in expected.items() if name != "loss")
            for name, value in expected.items():
                torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
        assert results["rows"].flatten().tolist() == [*range(10), *range(100, 106)]
        assert results["empty"].tolist() == [[100, 101], [102, 103]]


def test_a_single_process_gathers_nothing():
    rows = torch.randn(3, 2, requires_grad=True)
    assert gather_rows(rows) is rows


@pytest.mark.parametrize("kind", ["features", "pixels"])
def test_only_what_learns_gets_a_gradient(kind):
    made = module("angular")
    found = gradients(made, batches(kind)[0])
    assert all(f"embedder.head.heads.{i}.project.weight" in found for i in (0, 1))
    assert any(name.startswith("embedder.backbone") for name in found) == (kind == "pixels")
