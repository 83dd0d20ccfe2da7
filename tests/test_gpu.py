"""Computations on a GPU give the same results as on a CPU.

Each test here runs on the CPU too, so that a fault of the test itself shows on every machine. Tests that are with their
subject: views, batches and JPEG files (tests/images), relevance (tests/catalogue), search (tests/retrieval), the
doctor (tests/doctor). ``make test-gpu`` runs all that are marked.
"""

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist

from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.images.buffer_pool import empty_floats
from keyart.launch.sweep.worker_pool import visible_gpus
from keyart.losses.gather import _GatherRows
from keyart.losses.memory import CrossBatchMemory
from keyart.losses.miners.distance_weighted import DistanceWeightedMiner
from keyart.losses.miners.hard import HardMiner
from keyart.losses.miners.multi_similarity import MultiSimilarityMiner
from keyart.losses.miners.pair_margin import PairMarginMiner
from keyart.losses.miners.semi_hard import SemiHardMiner
from keyart.losses.objective import EmbeddedBatch, compute_loss
from keyart.metrics.exact_ranking import ExactScores, scoring_device, sort_rows, to_grid
from keyart.metrics.exclusion import Exclusion
from keyart.metrics.functional import evaluate_retrieval
from keyart.metrics.neighbours import exact_neighbours
from keyart.models.backbone_factory import create_backbone
from keyart.models.feature_cache import cached_features
from keyart.models.precision import autocast_for, has_bf16, resolve_precision
from keyart.training.module import seed_draws
from keyart.training.world_size import num_processes_to_start
from tests.end_to_end.conftest import SMALL, train_here  # noqa: F401
from tests.fakes import FakePixels, multi_hot, unit
from tests.helpers import draw_posters
from tests.losses.cases import SETTINGS, label, make

each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


@pytest.fixture(autouse=True)
def _all_of_float32():
    """A host's setting for products would change what is compared."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)


# Losses, miners, memory, processes


def batch(device, frozen=True):
    genres, index = multi_hot(24, seed=1), torch.arange(24)
    features = unit(24, 7, seed=3).float() if frozen else None
    embeddings = unit(24, 6, seed=2).float()
    return EmbeddedBatch(embeddings, genres, index, features), [
        None if part is None else part.to(device) for part in (embeddings, genres, index, features)
    ]


def step(device, loss, miner=None, *, remember=False):
    """Value, gradient of the embeddings and of the loss's own parameters."""
    _, (embeddings, genres, index, features) = batch(device)
    loss = copy.deepcopy(loss).to(device)
    leaf = embeddings.clone().requires_grad_()
    rows, remembered = EmbeddedBatch(leaf, genres, index, features), None
    if remember:
        memory = CrossBatchMemory(16, width=6, genres=5, frozen_width=7).to(device)
        memory.store(EmbeddedBatch(embeddings.flip(0), genres.flip(0), index.flip(0) + 12, features.flip(0)))
        remembered = memory.references(0)
    seed_draws(torch.device(device), 3)
    value = compute_loss(rows, loss, Relevance("jaccard"), miner=miner, remembered=remembered)
    value.backward()
    assert value.device.type == device
    return [x.detach().cpu() for x in (value, leaf.grad, *(p.grad for p in loss.parameters() if p.grad is not None))]


@each_device
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=label)
def test_losses(name, settings, device):
    loss = make(name, torch.float32, **settings)
    here, there = step("cpu", loss), step(device, loss)
    torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-4)
    if loss.supports_memory and loss.no_references is None:
        torch.testing.assert_close(
            step(device, loss, remember=True), step("cpu", loss, remember=True), rtol=1e-3, atol=1e-4
        )


@each_device
@pytest.mark.parametrize(
    "miner", [HardMiner(), SemiHardMiner(), MultiSimilarityMiner(), PairMarginMiner()], ids=lambda m: m.name
)
def test_miners(miner, device):
    loss = make("triplet", torch.float32)
    torch.testing.assert_close(step(device, loss, miner), step("cpu", loss, miner), rtol=1e-3, atol=1e-4)


@each_device
def test_drawing_miners_draw_the_same_again(device):
    loss, miner = make("triplet", torch.float32), DistanceWeightedMiner(nonzero_loss_cutoff=1.9)
    torch.testing.assert_close(step(device, loss, miner), step(device, loss, miner), rtol=0, atol=0)


@each_device
def test_draws_are_seeded(device):
    drawn = []
    for seed in (5, 5, 6):
        seed_draws(torch.device(device), seed)
        drawn.append((torch.rand(4), torch.rand(4, device=device).cpu()))
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(drawn[0], drawn[2], strict=True))


@pytest.mark.parametrize("backend", ["gloo", pytest.param("nccl", marks=pytest.mark.gpu)])
def test_rows_are_exchanged(backend, tmp_path):
    """By NCCL, in the one process that one GPU allows: the exchange itself, and its gradient."""
    dist.init_process_group(backend, init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        rows = torch.arange(6.0, device="cuda" if backend == "nccl" else "cpu").view(3, 2).requires_grad_()
        gathered = _GatherRows.apply(rows, [3])
        gathered.square().sum().backward()
        assert torch.equal(gathered, rows)
        assert torch.equal(rows.grad, 2 * rows)
    finally:
        dist.destroy_process_group()


# Backbone, precision, memory


@each_device
def test_features_of_a_backbone(device, tmp_path):
    torch.manual_seed(0)
    backbone, pixels = create_backbone("test_resnet", "none", "depths", (64, 48)), FakePixels(11)
    given = {"precision": "fp32", "batch_size": 4}
    here = cached_features(backbone, pixels, cache_dir=tmp_path / "cpu", device="cpu", **given)
    there = cached_features(backbone, pixels, cache_dir=tmp_path / "there", device=device, **given)
    np.testing.assert_allclose(there, here, atol=2e-3, rtol=1e-2)
    assert backbone.mean.device.type == "cpu"


@each_device
def test_precision(device):
    expected = resolve_precision(device)
    assert expected == ("bf16" if has_bf16(device) else "fp32")
    if device == "cuda":
        assert has_bf16("cuda") == (torch.cuda.get_device_capability()[0] >= 8)
    a = torch.ones(2, 2, device=device)
    with autocast_for(device, expected):
        assert (a @ a).dtype == {"bf16": torch.bfloat16, "fp32": torch.float32}[expected]


@each_device
def test_batch_memory(device):
    created = empty_floats((3, 4), torch.device(device))
    assert (created.shape, created.dtype, created.device.type) == ((3, 4), torch.float32, device)


# Neighbours and metrics


@each_device
def test_exact_scores(device):
    assert scoring_device(device).type == device
    grid, there = to_grid(unit(300, seed=1)), to_grid(unit(300, seed=1), device=device)
    assert torch.equal(there.cpu(), grid)
    marks = torch.randint(0, 2, (2, 300), dtype=torch.uint8), torch.arange(9) % 2
    keys = ExactScores(grid).keys(grid[:9], marks)
    on_device = ExactScores(there).keys(there[:9], (marks[0].to(device), marks[1].to(device)))
    assert torch.equal(on_device.cpu(), keys)
    for depth in (5, 200, 300):
        assert torch.equal(sort_rows(on_device.clone(), depth).cpu(), sort_rows(keys.clone(), depth))


@each_device
@pytest.mark.parametrize("ties", [False, True])
def test_neighbours(ties, device):
    rng = np.random.default_rng(0)
    draw = (lambda n: rng.integers(-1, 2, (n, 4)).astype(np.float32)) if ties else (lambda n: rng.normal(size=(n, 16)))
    gallery, queries = torch.from_numpy(draw(700)).float(), torch.from_numpy(draw(40)).float()
    exclude = Exclusion(rng.integers(0, 9, 40), rng.integers(0, 9, 700))
    for k in (10, 699):
        here = exact_neighbours(queries, gallery, k, exclude=exclude, device="cpu")
        there = exact_neighbours(queries, gallery, k, exclude=exclude, device=device)
        assert there.positions.device.type == device
        assert torch.equal(there.positions.cpu(), here.positions)
        assert torch.equal(there.similarity.cpu(), here.similarity)


@each_device
@pytest.mark.parametrize("metrics", [["ndcg@10", "recall@5"], ["map", "map@r", "ndcg@10"]], ids=str)
def test_metrics(metrics, device):
    genres, years = multi_hot(400, seed=4).numpy(), np.arange(400) % 60 + 1960.0
    given = {
        "ids": [f"p{i:03d}" for i in range(400)],
        "relevance": Relevance("jaccard"),
        "genre_names": list("abcde"),
        "years": years,
        "groups": np.arange(400) // 3,
        "metrics": metrics,
    }
    here = evaluate_retrieval(unit(400, seed=5).float(), genres, **given)
    there = evaluate_retrieval(unit(400, seed=5).float(), genres, device=device, **given)
    assert there.summary.keys() == here.summary.keys()
    for name, value in here.summary.items():
        assert there.summary[name] == pytest.approx(value, abs=1e-6), name


# Processes and runs


@pytest.mark.gpu
def test_processes_and_jobs_count_gpus(monkeypatch):
    count = torch.cuda.device_count()
    for accelerator in ("auto", "gpu", "cuda"):
        assert num_processes_to_start(accelerator, "auto") == count
        with pytest.raises(InputError, match=rf"trainer\.devices={count + 1}: torch finds {count} GPUs"):
            num_processes_to_start(accelerator, count + 1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == [str(at) for at in range(count)]


def answer(keyart, *arguments):
    code, out, err = keyart(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


@each_device
@pytest.mark.slow
def test_a_run_of_both_phases_embeds_indexes_and_searches(device, tmp_path, keyart, train_here):  # noqa: F811
    """Training, metrics, embedding (by nvJPEG too), an index, and search by file on one device."""
    folder = draw_posters(tmp_path / "posters", 96)
    where = ["--catalogue", folder / "catalogue.csv", "--images", folder / "posters"]
    chosen = [*SMALL, f"data.catalogue={folder / 'catalogue.csv'}", f"data.images={folder / 'posters'}"]
    chosen = [f"trainer={'gpu' if device == 'cuda' else 'cpu'}" if c == "trainer=cpu" else c for c in chosen]
    code, out, err = train_here(*chosen, "training.head_epochs=4", "training.finetune_epochs=1", "memory.size=64")
    assert code == 0, err[-3000:]
    run = Path(out.splitlines()[-1])
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test/ndcg@10"] > metrics["test/ndcg@10/chance"]
    if device == "cuda":
        assert torch.cuda.get_device_name(0) == json.loads((run / "environment.json").read_text())["device"]
    again = answer(keyart, "evaluate", run)
    assert again["test/ndcg@10"] == pytest.approx(metrics["test/ndcg@10"], abs=2e-3)

    decoders = ["pillow", *(["nvjpeg"] if device == "cuda" else [])]
    vectors = []
    for decoder in decoders:
        created = answer(keyart, "embed", run, *where, "--out", tmp_path / decoder, "--decoder", decoder)
        assert created["computed"] == 96
        vectors.append(np.stack(pd.read_parquet(tmp_path / decoder)["embedding"]))
        np.testing.assert_allclose(np.linalg.norm(vectors[-1], axis=1), 1, atol=1e-3)
    assert (vectors[0] * vectors[-1]).sum(axis=1).mean() > 0.98
    built = answer(keyart, "index", run, "--embeddings", tmp_path / "pillow", "--out", tmp_path / "index")
    assert built["posters"] == 96
    hits = answer(keyart, "search", run, folder / "posters" / "p0005.jpg", "--index", tmp_path / "index")["neighbours"]
    assert hits[0]["id"] == "p0005"
    assert hits[0]["score"] > 0.99
