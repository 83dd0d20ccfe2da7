"""LightningModule whose embeddings do not change, and 45 posters in three batches."""

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch.utils.data import DataLoader, Dataset

from keyart.catalogue.relevance import Relevance
from keyart.metrics.baselines import random_vectors
from keyart.metrics.functional import evaluate_retrieval
from keyart.training.callbacks.evaluation import RetrievalEvaluation

N = 90
NAMES = ("Action", "Comedy", "Drama")
#: Positions in the catalogue.
SPLITS = {"train": np.arange(0, 20), "val": np.arange(20, 65), "test": np.arange(65, 90)}


def catalogue():
    rng = np.random.default_rng(0)
    return {
        "genres": rng.random((N, 3)) < 0.5,
        "ids": rng.permutation([f"tt{i:03d}" for i in range(N)]),
        "years": 1985 + rng.integers(0, 30, N).astype(float),
        "groups": rng.integers(0, 80, N),
    }


def evaluate(vectors, split):
    at = SPLITS[split]
    return evaluate_retrieval(
        vectors[at],
        *(catalogue()[key][at] for key in ("genres", "ids")),
        relevance=Relevance("jaccard"),
        genre_names=NAMES,
        years=catalogue()["years"][at],
        groups=catalogue()["groups"][at],
    )


def vectors(seed=0):
    return torch.from_numpy(random_vectors(catalogue()["ids"], size=16, seed=seed))


def informed():
    """Return vectors that depend partly on the genres, as those of a frozen backbone do."""
    genres = torch.from_numpy(catalogue()["genres"]).float()
    return torch.cat([genres - 0.5, 0.3 * vectors(1)], dim=1)


def evaluation(**options):
    parts = catalogue()
    return RetrievalEvaluation(
        parts["genres"],
        parts["ids"],
        relevance=Relevance("jaccard"),
        genre_names=NAMES,
        years=parts["years"],
        groups=parts["groups"],
        **{"frozen": {split: evaluate(informed(), split) for split in ("val", "test")}} | options,
    )


class Positions(Dataset):
    def __init__(self, at):
        self.at = at

    def __len__(self):
        return len(self.at)

    def __getitem__(self, i):
        return {"index": int(self.at[i])}


class SmallData(LightningDataModule):
    def train_dataloader(self):
        return DataLoader(Positions(SPLITS["train"]), batch_size=10)

    def val_dataloader(self):
        return DataLoader(Positions(SPLITS["val"]), batch_size=16)

    def test_dataloader(self):
        return DataLoader(Positions(SPLITS["test"]), batch_size=16)


class SmallModule(LightningModule):
    """LightningModule whose one weight only scales the vectors, so that training does not change the metrics."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.register_buffer("vectors", vectors())

    def training_step(self, batch, batch_idx):
        loss = (self.weight * self.vectors[batch["index"]]).square().mean()
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        return {"embedding": self.weight * self.vectors[batch["index"]], "index": batch["index"]}

    test_step = validation_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
