"""One of two processes that update one metric."""

import json

import numpy as np
import torch
import torch.distributed as dist

from keyart.catalogue.relevance import Relevance
from keyart.metrics.retrieval_metrics import RetrievalMetrics

N = 50
#: Batches per process: of different number and size, with shared positions; one process has none.
ROUNDS = [
    [[range(0, 7), range(7, 24)], [range(20, 50), range(0, 3)]],
    [[range(0, 31)], [range(31, 33), range(33, 50), range(5, 6)]],
    [[range(0, 20), range(20, 50)], []],
]


def make():
    """Return an empty metric, the arguments of its updates, and embeddings."""
    rng = np.random.default_rng(0)
    data = {
        "labels": rng.random((N, 3)) < 0.5,
        "ids": rng.permutation([f"tt{i:03d}" for i in range(N)]),
        "relevance": Relevance.fit("idf_cosine", rng.random((N, 3)) < 0.5),
        "years": 1985 + rng.integers(0, 30, N).astype(float),
        "groups": rng.integers(0, 40, N),
    }
    metric = RetrievalMetrics(data.pop("relevance"), label_names=("Action", "Comedy", "Drama"))
    return metric, data, torch.from_numpy(rng.normal(size=(N, 8)))


def feed(metric, data, embeddings, batches):
    for batch in batches:
        at = list(batch)
        metric.update(embeddings[at], **{name: values[at] for name, values in data.items()})


def work(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    metric, data, embeddings = make()
    found = []
    for batches in ROUNDS:
        feed(metric, data, embeddings, batches[rank])
        found.append({name: float(value) for name, value in metric.compute().items()})
        metric.reset()
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()
