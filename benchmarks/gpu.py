"""The GPU beside the CPU: exact search, exact metrics, embedding, and a training step.

    python benchmarks/gpu.py [--device cuda] [--rows 1000000] [--metrics 20000] [--batch 128] [--rounds 5]

Nothing is read from disk: vectors are clustered unit vectors of 128 numbers, images are noise, weights are random.
Search is for the 10 nearest of 1,000 queries, by FAISS on the CPU, by torch on the device, and by FAISS on the GPU
where this FAISS has one; the limit is the float32 product of queries and vectors alone. Metrics are those of
`keyart evaluate`, every row searching all others. Embedding and the training step are those of the default model at
256 × 176: uint8 pixels in CPU memory to vectors, and forward, angular loss and backward, in the precision that `auto`
takes, beside float32. Medians over rounds. Where the GPU and the CPU disagree on what is found, the program fails.
"""

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import faiss
import measure
import numpy as np
import torch

from keyart.catalogue.relevance import Relevance
from keyart.losses.angular import AngularLoss
from keyart.metrics.functional import evaluate_retrieval
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder, to_images
from keyart.models.heads.mlp import MLPHead
from keyart.models.precision import autocast_for, resolve_precision
from keyart.retrieval.exact_search import faiss_gpu as gpu
from keyart.retrieval.exact_search.torch_search import TorchFlat

WIDTH, CLUSTERS, QUERIES, K = 128, 1000, 1000, 10
SIZE = (256, 176)


def clustered(rows: int, seed: int) -> np.ndarray:
    """Return unit vectors around random centres, computed in blocks."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, WIDTH), dtype=np.float32)
    made = centres[rng.integers(0, CLUSTERS, rows)] + 0.5 * rng.standard_normal((rows, WIDTH), dtype=np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def median(step: Callable[[], Any], device: torch.device, rounds: int) -> float:
    """Return the median seconds of a call, including the device's work, after one call to warm up."""

    def whole() -> None:
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    whole()
    return statistics.median(measure.seconds(whole) for _ in range(rounds))


def search(device: torch.device, rows: int, rounds: int) -> None:
    """Measure exact search by each engine."""
    vectors, queries = clustered(rows, 1), clustered(QUERIES, 2)
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(vectors)
    here = torch.from_numpy(vectors).to(device)
    asked = torch.from_numpy(queries).to(device)

    def products() -> None:
        for start in range(0, rows, 65536):
            asked @ here[start : start + 65536].T

    limit = median(products, device, rounds)
    engines: dict[str, Callable[[], Any]] = {"FAISS, CPU": lambda: flat.search(queries, K)}
    by_torch = TorchFlat(vectors, device)
    engines[f"torch, {device.type}"] = lambda: by_torch.search(queries, K)
    if gpu.has_gpu():
        by_faiss = gpu.FaissCopy(*gpu.copy_to_gpu(flat))
        engines["FAISS, GPU"] = lambda: by_faiss.search(queries, K)
    expected, lines = flat.search(queries, K)[0], []
    for name, engine in engines.items():
        scores = engine()[0]
        if np.abs(scores - expected).max() > 1e-3:
            raise SystemExit(f"{name} found other neighbours: scores differ by {np.abs(scores - expected).max():.2g}")
        taken = median(engine, device, 1 if name == "FAISS, CPU" else rounds)
        lines.append([name, f"{taken * 1e3:.1f}", f"{QUERIES / taken:,.0f}", f"{taken / limit:.1f}"])
    lines.append([f"products alone, {device.type}", f"{limit * 1e3:.1f}", "", "1"])
    title = f"Exact search, {QUERIES:,} queries among {rows:,} × {WIDTH}"
    measure.table(title, ["engine", "milliseconds", "queries/s", "× the products"], lines)


def metrics(device: torch.device, rows: int, rounds: int) -> None:
    """Measure exact metrics on the device and on the CPU."""
    rng = np.random.default_rng(3)
    vectors, genres = clustered(rows, 4), rng.random((rows, 20)) < 0.15
    given = {"relevance": Relevance("jaccard"), "genre_names": [str(i) for i in range(20)]}
    ids, found, lines = [f"{i:07d}" for i in range(rows)], [], []
    for where in dict.fromkeys((torch.device("cpu"), device)):

        def run(where: torch.device = where) -> Any:
            return evaluate_retrieval(vectors, genres, ids, device=where, **given)

        found.append(run().summary)
        taken = median(run, where, 1 if where.type == "cpu" else rounds)
        lines.append([where.type, f"{taken:.2f}"])
    worst = max(abs(found[-1][name] - value) for name, value in found[0].items())
    if worst > 1e-6:
        raise SystemExit(f"metrics differ by {worst:.2g}")
    measure.table(f"Exact metrics of {rows:,} × {WIDTH} (equal to 1e-6)", ["device", "seconds"], lines)


def model(device: torch.device, batch: int, rounds: int) -> None:
    """Embedding and a training step, in bfloat16 if the device supports it, and in float32."""
    torch.manual_seed(0)
    backbone = create_backbone("tf_efficientnet_lite0", "none", image_size=SIZE)
    embedder = Embedder(backbone, MLPHead(backbone.feature_dim, WIDTH)).to(device)
    pixels = torch.randint(0, 256, (batch, *SIZE, 3), dtype=torch.uint8)
    labels = (torch.rand(batch, 20, device=device) < 0.15).float()
    loss = AngularLoss(45)
    lines = []
    for precision in dict.fromkeys((resolve_precision(device), "fp32")):

        def vectors(precision: str = precision) -> torch.Tensor:
            with autocast_for(device, precision):
                made: torch.Tensor = embedder(to_images(pixels, device))
            return made

        def embed(vectors: Callable[[], torch.Tensor] = vectors) -> None:
            with torch.inference_mode():
                vectors().float().cpu()

        def train(vectors: Callable[[], torch.Tensor] = vectors) -> None:
            embedder.zero_grad(set_to_none=True)
            loss(vectors(), labels).backward()

        embedder.eval()
        embedding = batch / median(embed, device, rounds)
        backbone.requires_grad_()
        training = batch / median(train, device, rounds)
        lines.append([precision, f"{embedding:,.0f}", f"{training:,.0f}"])
    title = f"tf_efficientnet_lite0, {SIZE[0]} × {SIZE[1]}, batches of {batch}, {device.type}: images/s"
    measure.table(title, ["precision", "embedding", "training step"], lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    device = torch.device(given.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
    print(f"{measure.machine()}, {name}, FAISS {faiss.__version__} ({'GPU' if gpu.has_gpu() else 'CPU'})")
    search(device, given.rows, given.rounds)
    metrics(device, given.metrics, given.rounds)
    model(device, given.batch, given.rounds)


if __name__ == "__main__":
    main()
