"""Folders of sweeps as jobs leave them, created without training."""

import json

import numpy as np
import pandas as pd
import yaml

from keyart.config.sweep_grid import expand, swept_keys
from keyart.runs.sweep.state import Plan

MONITOR = "val/ndcg@10"


def make_sweep(folder, overrides, value_of, *, search=False, queries=200, unfinished=()):
    """Create a finished sweep whose jobs have the mean ``value_of(settings)`` over their queries.

    ``value_of`` may return None for a failed job.
    """
    jobs = expand(overrides)
    keys = tuple(swept_keys(overrides))
    Plan(tuple(overrides), (), keys, None if search else tuple(map(tuple, jobs))).write(folder)
    noise = np.random.default_rng(0).normal(0, 0.1, queries)
    noise -= noise.mean()
    for number, job in enumerate(jobs):
        if number in unfinished:
            continue
        run = folder / str(number)
        (run / ".hydra").mkdir(parents=True)
        (run / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(job))
        (run / "config.yaml").write_text(yaml.safe_dump({"monitor": MONITOR, "logger": {"name": "csv"}}))
        record = {key: yaml.safe_load(value) for key, value in (override.split("=", 1) for override in job)}
        value = value_of(record)
        if value is None:
            (run / "failure.json").write_text(json.dumps({"error": "InputError: it could not"}))
            continue
        # Jobs share the difficulty of queries, so differences vary less than values.
        own = np.random.default_rng(number + 1).normal(0, 0.005, queries)
        table = pd.DataFrame({"id": [f"p{i}" for i in range(queries)], "split": "val"})
        table["ndcg@10"] = value + noise + own - own.mean()
        table.to_parquet(run / "per_query.parquet")
        metrics = {
            MONITOR: value,
            f"{MONITOR}/chance": 0.2,
            f"{MONITOR}/frozen": 0.3,
            f"{MONITOR}/lift": (value - 0.2) * 10,
        }
        # Test metrics rank the jobs in another order than validation: code that reads them chooses wrongly.
        (run / "metrics.json").write_text(json.dumps({**metrics, "test/ndcg@10": 1 - value}))
    return folder
