"""Cross-batch memory: its content, how losses use it, and that a resumed run continues with the same content."""

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from keyart.errors import InputError
from keyart.losses.angular import AngularLoss
from keyart.losses.base import compute_relations
from keyart.losses.bce import BCELoss
from keyart.losses.distillation import DistillationLoss
from keyart.losses.memory import CrossBatchMemory
from keyart.losses.miners.distance_weighted import DistanceWeightedMiner
from keyart.losses.miners.hard import HardMiner
from keyart.losses.miners.multi_similarity import MultiSimilarityMiner
from keyart.losses.objective import EmbeddedBatch, compute_loss
from keyart.losses.regression import RegressionLoss
from keyart.losses.supcon import SupConLoss
from keyart.losses.triplet import TripletLoss
from tests.fakes import jaccard, multi_hot, unit
from tests.training.test_module import POSTERS, Recorder, fit, make


def batch(n: int, seed: int, start: int = 0, frozen: int = 0) -> EmbeddedBatch:
    return EmbeddedBatch(
        unit(n, 8, seed=seed, dtype=torch.float32),
        multi_hot(n, seed=seed),
        torch.arange(start, start + n),
        torch.randn(n, frozen, generator=torch.Generator().manual_seed(seed)) if frozen else None,
    )


@pytest.mark.parametrize("sizes", [[4, 4, 4], [5, 3, 7, 1], [10, 25, 2], [12, 12]])
def test_it_holds_the_latest_posters(sizes):
    memory = CrossBatchMemory(10, width=8, genres=5, frozen_width=3)
    everything, start = [], 0
    for seed, n in enumerate(sizes):
        everything.append(batch(n, seed, start, frozen=3))
        memory.store(everything[-1])
        start += n
        held = memory.references(0)
        kept = held.index >= 0
        assert sorted(held.index[kept].tolist()) == list(range(max(0, start - 10), start))
        stored = everything[0]
        for more in everything[1:]:
            stored = stored.followed_by(more)
        at = held.index[kept]
        for name in ("embeddings", "genres", "frozen"):
            assert torch.equal(getattr(held, name)[kept], getattr(stored, name)[at])
    assert not held.embeddings.requires_grad


LOSSES = [AngularLoss(), TripletLoss(), SupConLoss(), RegressionLoss(), DistillationLoss()]


MINERS = [None, HardMiner(), MultiSimilarityMiner()]
PAIRS = [(loss, miner) for loss in LOSSES for miner in MINERS if miner is None or loss.supports_miner]


@pytest.mark.parametrize(("loss", "miner"), PAIRS, ids=lambda one: getattr(one, "name", "none"))
def test_a_loss_sees_the_batch_and_what_is_filled_but_no_poster_twice(loss, miner):
    """Check that a memory with empty places and posters of the batch equals plain references without them."""
    new, old = batch(6, 0, 0, frozen=3), batch(9, 1, 4, frozen=3)  # posters 4 and 5 are in both
    memory = CrossBatchMemory(20, width=8, genres=5, frozen_width=3)
    memory.store(old)
    leaf = new.embeddings.clone().requires_grad_()
    found = compute_loss(
        EmbeddedBatch(leaf, new.genres, new.index, new.frozen),
        loss,
        jaccard,
        miner=miner,
        remembered=memory.references(0),
    )
    (gradient,) = torch.autograd.grad(found, leaf)

    others = new.followed_by(EmbeddedBatch(old.embeddings[2:], old.genres[2:], old.index[2:], old.frozen[2:]))
    relations = compute_relations(
        new.genres, others.genres, jaccard, new.index, others.index, frozen=(new.frozen, others.frozen)
    )
    leaf = new.embeddings.clone().requires_grad_()
    references = torch.cat((leaf, old.embeddings[2:]))
    expected = loss(leaf, relations if miner is None else miner(leaf, relations, references), references)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, leaf)[0], rtol=1e-4, atol=1e-6)
    without = compute_loss(new, loss, jaccard, miner=miner)
    assert not torch.isclose(found, without)


def test_an_empty_memory_changes_nothing():
    new, memory = batch(6, 0), CrossBatchMemory(20, width=8, genres=5)
    for loss in (AngularLoss(), TripletLoss(), SupConLoss(), RegressionLoss()):
        torch.testing.assert_close(
            compute_loss(new, loss, jaccard, remembered=memory.references(0)), compute_loss(new, loss, jaccard)
        )


def remembering(size: int = 14, start_step: int = 2, **kwargs):
    memory = CrossBatchMemory(size, start_step, width=8, genres=5)
    return make(miner=DistanceWeightedMiner(nonzero_loss_cutoff=1.9), memory=memory, **kwargs)


@pytest.fixture(scope="module")
def undisturbed():
    module, loader = remembering()
    recorder = Recorder()
    fit(module, loader, recorder)
    return module, recorder


@pytest.mark.parametrize("stop_after", [2, 4, 8])
def test_killed_and_resumed_equals_undisturbed(tmp_path, undisturbed, stop_after):
    """Check with a memory and a random miner, in warm-up, in the head phase and in fine-tuning."""
    expected, expected_recorder = undisturbed
    module, loader = remembering()
    keep = ModelCheckpoint(tmp_path, filename="kept", every_n_train_steps=1)
    with pytest.raises(KeyError, match="killed"):
        fit(module, loader, keep, Recorder(stop_after), folder=tmp_path)
    step = torch.load(tmp_path / "kept.ckpt", weights_only=False)["global_step"]
    again, loader = remembering()
    after = Recorder()
    fit(again, loader, after, folder=tmp_path, resume=tmp_path / "kept.ckpt")
    assert after.losses == expected_recorder.losses[step:]
    for key, value in expected.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key


def test_it_is_used_from_its_step_on(undisturbed):
    recorders = []
    for size in (14, 0):
        module, loader = remembering(size) if size else make(miner=DistanceWeightedMiner(nonzero_loss_cutoff=1.9))
        recorders.append(Recorder())
        fit(module, loader, recorders[-1], max_steps=4)
    remembered, plain = (recorder.losses for recorder in recorders)
    assert remembered[:2] == plain[:2]
    assert remembered[2] != plain[2]


def test_all_its_state_is_in_the_checkpoint(undisturbed):
    module, _ = undisturbed
    state = {key for key in module.state_dict() if key.startswith("memory.")}
    assert state == {f"memory.{name}" for name in ("embeddings", "genres", "index", "frozen", "next")}
    assert sorted(module.memory.index.tolist()) == sorted(set(module.memory.index.tolist()))
    assert module.memory.index.max() < POSTERS
    assert int(module.memory.next) == (12 * 8) % 14


def test_what_has_no_use_for_it_is_refused():
    memory = CrossBatchMemory(4, width=8, genres=5)
    with pytest.raises(InputError, match=r"memory\.size: loss=bce compares posters with genres"):
        make(BCELoss(), memory=memory)
    with pytest.raises(InputError, match=r"miner=hard: loss=bce compares posters with genres"):
        make(BCELoss(), miner=HardMiner())
    with pytest.raises(InputError, match=r"miner=hard: loss=regression weighs every pair by its gain"):
        make(RegressionLoss(), miner=HardMiner())
    for arguments, summary in (((0,), "memory.size=0"), ((3, -1), "memory.start_step=-1")):
        with pytest.raises(InputError, match=summary):
            CrossBatchMemory(*arguments, width=8, genres=5)
