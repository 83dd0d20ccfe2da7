"""How time and memory grow with the number of posters: embedding, metrics, index building, search.

    python benchmarks/growth.py [--sizes 1000 10000 100000 1000000] [--embed 1000] [--png growth.png]

Vectors are made (unit, 128 numbers, 1,000 clusters). Each measurement is a process of its own; memory is its peak
above what its imports take, inputs included. Metrics are those of `keyart evaluate`, every poster searching all
others exactly up to 100,000 posters, above that 10,000 sampled queries; at 200,000 they must stay below 2 GiB. The
index is the one that `keyart index` chooses, at recall 0.95; search is a poster's 10 nearest, one query at a time.
Embedding is of real posters from JPEG files, as many as there are; it is a stream of pieces, so that its memory is
bounded.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import measure
import numpy as np

from keyart.utils.output_paths import check_output_file

SIZE, GENRES, CLUSTERS = 128, 23, 1000
ALL_QUERIES, SAMPLED = 100_000, 10_000
LIMIT_AT, LIMIT = 200_000, 2048.0


def vectors_of(n: int) -> np.ndarray:
    """(N, 128) float32 unit vectors in clusters."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, SIZE), dtype=np.float32)
    vectors = np.empty((n, SIZE), np.float32)
    for at in range(0, n, 65536):
        part = centres[rng.integers(CLUSTERS, size=min(65536, n - at))]
        part += 0.7 * rng.standard_normal(part.shape, dtype=np.float32)
        vectors[at : at + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def genres_of(n: int) -> np.ndarray:
    """Return (N, 23) one to three genres per poster; the first genres are frequent."""
    rng = np.random.default_rng(1)
    frequent = 1 / np.arange(1, GENRES + 1)
    drawn = rng.choice(GENRES, size=(n, 3), p=frequent / frequent.sum())
    genres = np.zeros((n, GENRES), bool)
    count = rng.integers(1, 4, n)
    for place in range(3):
        rows = np.flatnonzero(count > place)
        genres[rows, drawn[rows, place]] = True
    return genres


def metrics(n: int) -> dict[str, Any]:
    """Measure time and memory of all default metrics."""
    from keyart.catalogue.relevance import Relevance
    from keyart.metrics.functional import evaluate_retrieval

    before = measure.resident()
    vectors, genres, ids = vectors_of(n), genres_of(n), np.array([f"{i:08d}" for i in range(n)], dtype=object)
    held = measure.resident() - before
    queries = None if n <= ALL_QUERIES else np.random.default_rng(2).choice(n, SAMPLED, replace=False)
    names = [f"genre {i}" for i in range(GENRES)]
    relevance = Relevance("jaccard")

    def evaluate() -> Any:
        return evaluate_retrieval(vectors, genres, ids, relevance=relevance, genre_names=names, queries=queries)

    _, taken, peak = measure.peak_of(evaluate)
    return {"seconds": taken, "peak": held + peak, "queries": n if queries is None else len(queries)}


def index(n: int) -> dict[str, Any]:
    """Measure time and memory of building an index and of searching it."""
    import faiss

    from keyart.retrieval.engines.registry import choose_engine, find_engine

    before = measure.resident()
    vectors = vectors_of(n)
    held = measure.resident() - before
    kind = choose_engine(n)

    def build() -> tuple[Any, float]:
        flat = faiss.IndexFlatIP(SIZE)
        flat.add(vectors)
        return find_engine(kind).fit(flat, 0.95)  # type: ignore[attr-defined]

    (engine, recall), taken, peak = measure.peak_of(build)
    queries = vectors[np.random.default_rng(3).choice(n, 200, replace=False)]

    def search(query: np.ndarray) -> None:
        engine.search(query[None], 11)

    search(queries[0])
    times = [measure.seconds(lambda q=query: search(q)) for query in queries]
    found = {"seconds": taken, "peak": held + peak, "kind": kind, "recall": recall}
    return {**found, "search": statistics.median(times) * 1e3}


def embedding(n: int, run: str) -> dict[str, Any]:
    """Measure time and memory of embedding posters from files."""
    from keyart.runs.embed import embed_catalogue
    from keyart.runs.run import Run
    from keyart.utils.allocator import keep_freed_memory

    keep_freed_memory()  # as `keyart embed` does
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        table = measure.some_posters(folder, n)
        import torch  # noqa: F401  (part of the imports, not of the work)

        from keyart.models.embedder import load_embedder  # noqa: F401

        opened = Run.open(Path(run))
        images = measure.need_posters() / "posters"
        done, taken, peak = measure.peak_of(lambda: embed_catalogue(opened, table, images, folder / "out"))
    return {"seconds": taken, "peak": peak, "posters": done.posters}


def shown(value: float) -> str:
    """Format a number with three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def draw(results: dict[str, dict[int, dict[str, Any]]], path: Path) -> None:
    """Draw time and memory against the number of posters, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for name, by_size in results.items():
        sizes = sorted(by_size)
        if not sizes:
            continue
        for axis, key in zip(axes, ("seconds", "peak"), strict=True):
            axis.plot(sizes, [by_size[n][key] for n in sizes], marker="o", label=name)
    if searched := {n: found["search"] / 1e3 for n, found in results["index"].items()}:
        axes[0].plot(sorted(searched), [searched[n] for n in sorted(searched)], marker="o", label="one search")
    for axis, label in zip(axes, ("seconds", "peak memory, MiB"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="posters", title=label)
        axis.grid(alpha=0.3)
    axes[0].axvline(ALL_QUERIES, color="0.6", linestyle=":", linewidth=1)
    axes[0].annotate(
        f"beyond: metrics of {SAMPLED:,} queries", (ALL_QUERIES, 0), (-4, 6), ha="right", fontsize=8, color="0.4",
        xycoords=("data", "axes fraction"), textcoords="offset points",
    )  # fmt: skip
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--embed", type=int, nargs="*", default=[250, 1_000, 4_000], help="numbers of real posters")
    parser.add_argument("--metrics", type=int, nargs="*", help="other sizes for the metrics")
    parser.add_argument("--index", type=int, nargs="*", help="other sizes for the index")
    parser.add_argument("--png", type=Path)
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        which, n, *rest = arguments.worker
        print(json.dumps({"metrics": metrics, "index": index, "embedding": embedding}[which](int(n), *rest)))
        return
    if arguments.png is not None:
        check_output_file("--png", arguments.png, (".png",))
    results: dict[str, dict[int, dict[str, Any]]] = {"embedding": {}, "metrics": {}, "index": {}}
    rows: list[list[str]] = []
    columns = ["", "posters", "seconds", "peak MiB", ""]
    start = time.perf_counter()

    def tell(*row: str) -> None:
        rows.append(list(row))
        print(", ".join(row), file=sys.stderr)

    if arguments.embed:
        with tempfile.TemporaryDirectory() as temporary:
            run = str(measure.small_run(Path(temporary)))
            for n in arguments.embed:
                found = measure.fresh([__file__, "--worker", "embedding", str(n), run])
                results["embedding"][n] = found
                rate = found["posters"] / found["seconds"]
                tell("embedding", f"{n:,}", shown(found["seconds"]), f"{found['peak']:,.0f}", f"{rate:.0f}/s")
    for n in arguments.metrics if arguments.metrics is not None else sorted({*arguments.sizes, LIMIT_AT}):
        found = results["metrics"][n] = measure.fresh([__file__, "--worker", "metrics", str(n)])
        note = f"{found['queries']:,} queries"
        if n == LIMIT_AT:
            note += f"; memory {'below' if found['peak'] < LIMIT else 'NOT below'} 2 GiB"
        tell("metrics", f"{n:,}", shown(found["seconds"]), f"{found['peak']:,.0f}", note)
    for n in arguments.index if arguments.index is not None else arguments.sizes:
        found = results["index"][n] = measure.fresh([__file__, "--worker", "index", str(n)])
        note = f"{found['kind']}, recall@10 {found['recall']:.3f}, search {shown(found['search'])} ms"
        tell("index", f"{n:,}", shown(found["seconds"]), f"{found['peak']:,.0f}", note)
    measure.table(f"Growth: {measure.machine()}", columns, rows)
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if arguments.png:
        draw(results, arguments.png)


if __name__ == "__main__":
    main()
