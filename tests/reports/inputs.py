"""Synthetic inputs of a run's report."""

import numpy as np
import pandas as pd

GENRE_METRIC = "precision@10/genre/"


def make_inputs(catalogue, *, seed=0, test=16, split="test"):
    """Return keyword arguments of `write_report` for an embedding with information about the genres."""
    rng = np.random.default_rng(seed)
    n = len(catalogue)
    splits = np.array(["train"] * n, dtype=object)
    splits[n - test :] = split
    embeddings = np.hstack([catalogue.genres * 0.8, rng.normal(size=(n, 8)) * 0.5]).astype(np.float32)
    groups = np.arange(n)
    groups[n - 2] = groups[n - 1]
    ids = catalogue.ids[splits == split]
    names = ["ndcg@10", "map", "precision@10", "recall@1", *(GENRE_METRIC + g for g in catalogue.genre_names)]
    ours, frozen = ({name: rng.random(test) * top for name in names} for top in (1.0, 0.8))
    metrics = {f"{split}/queries": test, f"{split}/gallery": test}
    for name in names:
        value, base = float(ours[name].mean()), float(frozen[name].mean())
        metrics |= {f"{split}/{name}": value, f"{split}/{name}/chance": 0.2, f"{split}/{name}/frozen": base}
        metrics |= {f"{split}/{name}/lift": (value - 0.2) / (base - 0.2), f"{split}/{name}/left_out": 0}
    tables = [pd.DataFrame({"id": ids, "split": split, **table}) for table in (ours, frozen)]
    return {
        "embeddings": embeddings,
        "frozen": rng.normal(size=(n, 12)).astype(np.float32),
        "catalogue": catalogue,
        "groups": groups,
        "splits": splits,
        "metrics": metrics,
        "per_query": tables[0],
        "frozen_per_query": tables[1],
        "config": {"name": "small-run", "model": {"backbone": "resnet18"}, "training": {"head_epochs": 2}},
        "environment": {"python": "3.11", "packages": {"torch": "2.6", "faiss-cpu": None}},
        "split": split,
    }
