"""Two processes learn the same as one process on the whole batch."""

from importlib.util import find_spec

import pytest
import torch
import torch.distributed as dist

from keyart.losses.angular import AngularLoss
from keyart.losses.bce import BCELoss
from keyart.losses.distillation import DistillationLoss
from keyart.losses.gather import gather_rows
from keyart.losses.margin import MarginLoss
from keyart.losses.memory import CrossBatchMemory
from keyart.losses.miners.distance_weighted import DistanceWeightedMiner
from keyart.losses.miners.pml import PMLMiner
from keyart.losses.objective import EmbeddedBatch
from keyart.losses.pml import PMLLoss
from keyart.losses.supcon import SupConLoss
from keyart.losses.triplet import TripletLoss
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder
from keyart.models.heads.linear import LinearHead
from keyart.training.module import EmbeddingModule
from tests.fakes import jaccard, multi_hot, unit
from tests.forked import run_two

SIZE = (64, 48)
ROWS = (5, 4)
FROZEN = 12


def batches(kind: str):
    """Return the whole batch and its two parts of different sizes."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(sum(ROWS), 3, *SIZE, generator=generator)
    features = torch.randn(sum(ROWS), 96, generator=generator)
    whole = {"index": torch.arange(sum(ROWS)), "genres": multi_hot(sum(ROWS), seed=1)}
    whole[kind] = features if kind == "features" else images
    whole["frozen"] = unit(sum(ROWS), FROZEN, seed=3).float()
    shares = [{key: value[rank::2] for key, value in whole.items()} for rank in (0, 1)]
    return whole, shares


def memory(frozen_width: int) -> CrossBatchMemory:
    """Return a half-full memory that contains one of the batch's posters."""
    created = CrossBatchMemory(24, width=8, genres=5, frozen_width=frozen_width)
    frozen = unit(12, frozen_width, seed=8).float() if frozen_width else None
    created.store(EmbeddedBatch(unit(12, 8, seed=7).float(), multi_hot(12, seed=7), torch.arange(7, 19), frozen))
    return created


LOSSES = {
    "angular": AngularLoss,
    "triplet": TripletLoss,
    "bce": BCELoss,
    "supcon": SupConLoss,
    "margin": lambda: MarginLoss(learn_beta="genre"),
    "distillation": DistillationLoss,
    "pml": lambda: PMLLoss("MarginLoss", args={"learn_beta": True, "nu": 0.1}),
}


class TwoParts(LinearHead):
    """A head with two vectors; the loss is applied to each."""

    branch_size = 4

    def branches(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self(features).chunk(2, dim=1)


def miner(extra: str):
    if "pml miner" in extra:
        return PMLMiner("DistanceWeightedMiner", {"nonzero_loss_cutoff": 1.9})
    return DistanceWeightedMiner(nonzero_loss_cutoff=1.9) if "miner" in extra else None


def module(loss_name: str, extra: str = "") -> EmbeddingModule:
    torch.manual_seed(0)
    backbone = create_backbone("test_resnet", "none", "avg", SIZE)
    head = TwoParts(96, 8)
    loss = LOSSES[loss_name]()
    loss.build(4, torch.ones(5), 10)
    created = EmbeddingModule(
        Embedder(backbone, head),
        loss,
        jaccard,
        miner=miner(extra),
        memory=memory(FROZEN if loss.needs_frozen_features else 0) if "memory" in extra else None,
        chunk_size=2 if "chunks" in extra else None,
        finetune_epochs=1,
        precision="fp32",
    )
    created.log = lambda *args, **kwargs: None
    return created


def gradients(made: EmbeddingModule, batch) -> dict[str, torch.Tensor]:
    loss = made.training_step(batch, 0)
    loss.backward()
    found = {name: p.grad for name, p in made.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **found}


CASES = [
    ("angular", "features", ""),
    ("angular", "pixels", ""),
    ("triplet", "features", ""),
    ("bce", "features", ""),
    ("angular", "features", "memory"),
    ("angular", "pixels", "memory, chunks"),
    ("triplet", "features", "memory, miner"),
    ("supcon", "features", "memory"),
    ("margin", "features", "miner"),
    ("distillation", "features", "memory"),
    ("distillation", "pixels", ""),
]
if find_spec("pytorch_metric_learning") is not None:
    CASES += [
        ("pml", "features", "memory, pml miner"),
        ("pml", "pixels", "memory, chunks"),
        ("supcon", "features", "pml miner"),
    ]


def _work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    results = {}
    for case in CASES:
        loss_name, kind, extra = case
        share = batches(kind)[1][rank]
        if loss_name == "triplet":
            share["sizes"] = list(ROWS)
        created = module(loss_name, extra)
        found = gradients(created, share)
        for name, value in found.items():
            if name != "loss":  # as DistributedDataParallel does
                dist.all_reduce(value)
                value /= 2
        if created.memory is not None:
            found |= {f"memory.{name}": buffer for name, buffer in created.memory.named_buffers()}
        results[case] = found
    rows = torch.arange(ROWS[rank] * 2).view(-1, 2) + 100 * rank
    results["rows"] = gather_rows(rows)
    results["empty"] = gather_rows(rows[: 2 * rank])
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_have_the_gradient_of_one_on_the_joined_batch(tmp_path):
    run_two(_work, str(tmp_path))
    both = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    for case in CASES:
        loss_name, kind, extra = case
        created = module(loss_name, extra)
        expected = gradients(created, batches(kind)[0])
        assert any(value.abs().max() > 1e-3 for name, value in expected.items() if name != "loss")
        if created.memory is not None:
            expected |= {f"memory.{name}": buffer for name, buffer in created.memory.named_buffers()}
        for results in both:
            found = results[case]
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                message = f"{case}: {name}"
                torch.testing.assert_close(
                    found[name], value, rtol=1e-4, atol=1e-5, msg=lambda m, message=message: f"{message}: {m}"
                )
    for results in both:
        assert results["rows"].flatten().tolist() == [*range(10), *range(100, 108)]
        assert results["empty"].tolist() == [[100, 101], [102, 103]]


def test_a_single_process_gathers_nothing():
    rows = torch.randn(3, 2, requires_grad=True)
    assert gather_rows(rows) is rows


@pytest.mark.parametrize("kind", ["features", "pixels"])
def test_only_what_learns_gets_a_gradient(kind):
    created = module("angular")
    found = gradients(created, batches(kind)[0])
    assert "embedder.head.project.weight" in found
    assert any(name.startswith("embedder.backbone") for name in found) == (kind == "pixels")
