"""Exact metrics beside pytorch-metric-learning's AccuracyCalculator, and torchmetrics where it finishes.

    python benchmarks/metrics.py [--sizes 10000 50000] [--rounds 3] [--torchmetrics 10000]

N vectors of 128 numbers search each other, single labels of 50 genres, `relevance=exact`: precision@1, MAP@R and MAP
over the same k (the largest R). Each runs in a process of its own, in turns; seconds are those of the computation, and
memory is the peak above what was resident before it (imports and inputs). Values must be equal: they define the same.
`products` are the limit: the float32 products of all pairs, which either must make, and nothing else, by MKL (`mm`) and
by oneDNN (a 1 × 1 convolution). torchmetrics gets every pair's score, relevance and query in flat tensors, as it asks
for, MAP alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import measure

if TYPE_CHECKING:  # Import keyart before torch, as its commands do: it sets how OpenMP's threads wait.
    import torch

GENRES, SIZE = 50, 128
MEMORY_GOAL = 0.25


def inputs(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 128) vectors around their genre's own, near enough for the metrics to be neither 0 nor 1; (N,) genres."""
    import torch

    generator = torch.Generator().manual_seed(0)
    genre = torch.randint(GENRES, (n,), generator=generator)
    centres = torch.randn(GENRES, SIZE, generator=generator)
    vectors = centres[genre] + 2.5 * torch.randn(n, SIZE, generator=generator)
    return torch.nn.functional.normalize(vectors, dim=1), genre


def ours(vectors: torch.Tensor, genre: torch.Tensor, k: int) -> dict[str, float]:
    """`evaluate_retrieval`."""
    import numpy as np

    from keyart.catalogue.relevance import Relevance
    from keyart.metrics.functional import evaluate_retrieval

    genres = np.eye(GENRES, dtype=bool)[genre.numpy()]
    found = evaluate_retrieval(
        vectors,
        genres,
        [f"{i:07d}" for i in range(len(vectors))],
        relevance=Relevance("exact"),
        genre_names=[f"genre {i}" for i in range(GENRES)],
        metrics=["precision@1", "map@r", f"map@{k}"],
    )
    return {
        "precision@1": found.summary["precision@1"],
        "map@r": found.summary["map@r"],
        "map": found.summary[f"map@{k}"],
    }


def pml(vectors: torch.Tensor, genre: torch.Tensor, k: int) -> dict[str, float]:
    """`AccuracyCalculator`."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    names = {
        "precision@1": "precision_at_1",
        "map@r": "mean_average_precision_at_r",
        "map": "mean_average_precision",
    }
    found = AccuracyCalculator(include=tuple(names.values()), k=k, device=torch.device("cpu")).get_accuracy(
        vectors, genre
    )
    return {name: found[theirs] for name, theirs in names.items()}


def products(vectors: torch.Tensor, genre: torch.Tensor, k: int) -> dict[str, float]:
    """Compute only the float32 products of all pairs: the limit of any exact method."""
    import torch

    tile = torch.empty(512, len(vectors))
    for rows in vectors.split(512):
        torch.mm(rows, vectors.T, out=tile[: len(rows)])
    return {}


def products_by_onednn(vectors: torch.Tensor, genre: torch.Tensor, k: int) -> dict[str, float]:
    """The same by oneDNN: the gallery's rows are an image's pixels, queries are filters of 1 × 1."""
    import torch

    for block in vectors.split(4096):
        image = block[: len(block) // 16 * 16].view(1, -1, 16, SIZE).permute(0, 3, 1, 2)
        for rows in vectors.split(256):
            torch.nn.functional.conv2d(image, rows[:, :, None, None])
    return {}


def torchmetrics(vectors: torch.Tensor, genre: torch.Tensor, k: int) -> dict[str, float]:
    """`RetrievalMAP` over all pairs, for scores above 0 only; its MAP at k divides by the number of found rows."""
    import torch
    from torchmetrics.retrieval import RetrievalMAP

    n = len(vectors)
    other = ~torch.eye(n, dtype=torch.bool)
    scores = (vectors @ vectors.T).add_(2)[other]
    relevant = (genre[:, None] == genre)[other]
    query = torch.arange(n).repeat_interleave(n - 1)
    return {"map over the whole ranking": float(RetrievalMAP()(scores, relevant, indexes=query))}


def worker(which: str, n: int) -> None:
    """Print one measurement as JSON; it follows imports and a first run to warm up."""
    calls = {"ours": ours, "pml": pml, "torchmetrics": torchmetrics}
    call = {**calls, "products by MKL": products, "products by oneDNN": products_by_onednn}[which]
    if which == "ours":
        import keyart  # noqa: F401

    def inputs_and_k(n: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        vectors, genre = inputs(n)
        return vectors, genre, int(genre.bincount().max())

    call(*inputs_and_k(400 if which == "torchmetrics" else 5000))
    given = inputs_and_k(n)
    before = time.process_time()
    values, taken, peak = measure.peak_of(lambda: call(*given))
    print(json.dumps({"values": values, "seconds": taken, "cpu": time.process_time() - before, "peak": peak}))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torchmetrics", type=int, default=10_000, help="largest N that torchmetrics gets")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker[0], int(arguments.worker[1]))
        return
    rows = []
    for n in arguments.sizes:
        which = ["ours", "pml", "products by MKL", "products by oneDNN"]
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in which}
        for at in range(arguments.rounds):
            for name in which[:: -1 if at % 2 else 1]:
                found[name].append(measure.fresh([__file__, "--worker", name, str(n)]))
        if n <= arguments.torchmetrics:
            found["torchmetrics"] = [measure.fresh([__file__, "--worker", "torchmetrics", str(n)])]
        ours_, theirs = found["ours"], found["pml"]
        gap = max(abs(ours_[0]["values"][name] - theirs[0]["values"][name]) for name in ours_[0]["values"])
        faster, lighter = (
            measure.ratio([x[key] for x in theirs], [x[key] for x in ours_]) for key in ("seconds", "cpu")
        )
        memory = measure.ratio([x["peak"] for x in ours_], [x["peak"] for x in theirs])
        goal = 5.0 if n >= 50_000 else 3.0
        for name, measured in found.items():
            values = ", ".join(f"{key} {value:.6f}" for key, value in measured[0]["values"].items())
            took = statistics.median(x["seconds"] for x in measured)
            peak = statistics.median(x["peak"] for x in measured)
            work = statistics.median(x["cpu"] for x in measured)
            rows.append([f"{n:,}", name, f"{took:.2f}", f"{work:.2f}", f"{peak:,.0f}", values])
        beside = [
            measure.beside_goal(faster, goal),
            f"{lighter:.2f}",
            measure.beside_goal(memory, MEMORY_GOAL, at_most=True),
        ]
        equal = "equal" if gap < 1e-6 else "DIFFERENT"
        rows.append(
            [f"{n:,}", "pml beside ours; ours beside pml's memory", *beside, f"{equal}: at most {gap:.1e} apart"]
        )
    measure.table(
        f"Exact metrics, N × {SIZE}, single labels: {measure.machine()}",
        ["N", "", "seconds", "CPU seconds", "peak MiB", "values"],
        rows,
    )


if __name__ == "__main__":
    main()
