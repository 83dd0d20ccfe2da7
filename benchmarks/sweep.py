"""A sweep over 16 margins of the angular loss, head phase, beside what one writes with Lightning and PML.

    python benchmarks/sweep.py [--margins 16] [--epochs 20] [--recompute-share 1] [--experiment plain] [override …]

Ours is `python train.py -m loss.margin=…` on the real posters with features in the cache and without reports: each run
validates every epoch, evaluates val and test beside chance and the frozen backbone, and leaves its embedder and index;
once job by job, and once two jobs at a time (`hydra/launcher=local`). The peer is a plain script: for each margin a
Lightning Trainer, a two-layer head of the same size, pytorch-metric-learning's AngularLoss and MPerClassSampler on
first genres, AccuracyCalculator after every epoch, once with the frozen backbone in `forward` (timm, float32, images
from a DataLoader of 2 workers), and once with its features in memory. The first of these takes hours: one epoch of it
is timed (of a share of the posters, if so asked) and multiplied. The second runs in two halves around ours.

The limit is the arithmetic of the jobs' training steps in a bare loop (forward, loss, backward, optimiser), with
everything prepared and nothing validated, evaluated or written: one job's steps times the number of jobs, and the steps
of all jobs stacked into one computation by `torch.func`, each timed over the fastest of three epochs. No launcher can
be faster.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure

RECOMPUTED, CACHED, ONE_JOB = 1 / 20, 0.35, 2.5
BATCH, HIDDEN, SIZE = 128, 512, 128


def plain_module(backbone: Any, margin: float) -> Any:
    """Return a LightningModule as in a tutorial; ``backbone`` is None if the batches hold its features."""
    import lightning
    import torch
    from pytorch_metric_learning import losses
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from torch import nn

    class Plain(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = None if backbone is None else backbone.eval().requires_grad_(False)
            self.head = nn.Sequential(nn.Linear(1280, HIDDEN), nn.ReLU(), nn.Dropout(0.4), nn.Linear(HIDDEN, SIZE))
            self.loss = losses.AngularLoss(alpha=margin)
            self.found: list[tuple[torch.Tensor, torch.Tensor]] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.backbone is not None:
                self.backbone.eval()
                with torch.no_grad():
                    x = self.backbone(x)
            embedded: torch.Tensor = self.head(x)
            return embedded

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            loss: torch.Tensor = self.loss(self(batch[0]), batch[1])
            self.log("train/loss", loss)
            return loss

        def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
            self.found.append((nn.functional.normalize(self(batch[0])), batch[1]))

        def on_validation_epoch_end(self) -> None:
            x, labels = (torch.cat(part) for part in zip(*self.found, strict=True))
            self.found.clear()
            calculator = AccuracyCalculator(
                include=("precision_at_1", "mean_average_precision_at_r"), k="max_bin_count", device=torch.device("cpu")
            )
            self.log_dict({f"val/{name}": value for name, value in calculator.get_accuracy(x, labels).items()})

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.head.parameters(), lr=1e-3, weight_decay=0.05)

    return Plain()


def plain_fit(module: Any, train: Any, labels: Any, val: Any, epochs: int, folder: str, workers: int) -> None:
    """Train with Lightning's Trainer and DataLoaders, with its defaults for logs and checkpoints."""
    import lightning
    from pytorch_metric_learning.samplers import MPerClassSampler
    from torch.utils.data import DataLoader

    m = 8 if len(set(labels.tolist())) * 8 >= BATCH else BATCH
    sampler = MPerClassSampler(labels, m, batch_size=BATCH, length_before_new_iter=len(labels))
    given: dict[str, Any] = {"batch_size": BATCH, "num_workers": workers, "persistent_workers": workers > 0}
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=epochs, default_root_dir=folder, num_sanity_val_steps=0,
        enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=10,
    )  # fmt: skip
    trainer.fit(module, DataLoader(train, sampler=sampler, drop_last=True, **given), DataLoader(val, **given))


def splits_of(run: Path) -> Any:
    """Table of the run's posters with their split and first genre."""
    import pandas as pd
    import yaml

    from keyart.catalogue.reader import read_catalogue

    record = yaml.safe_load((run / "config.yaml").read_text())["data"]
    catalogue, _ = read_catalogue(record["catalogue"], record["images"])
    table = pd.read_csv(run / "splits.csv")
    first = catalogue.genres.argmax(axis=1)
    table["file"] = [str(path) for path in catalogue.paths]
    table["genre"] = first
    return table


def cached(run: Path, features: Path, margins: list[float], epochs: int) -> None:
    """Run the plain script with features in memory."""
    import numpy as np
    import torch
    from torch.utils.data import TensorDataset

    table, rows = splits_of(run), torch.from_numpy(np.load(features))
    genre = torch.from_numpy(table["genre"].to_numpy())
    parts = {split: torch.from_numpy(np.flatnonzero(table["split"] == split)) for split in ("train", "val")}
    for margin in margins:
        with tempfile.TemporaryDirectory() as folder:
            train, val = (TensorDataset(rows[at], genre[at]) for at in parts.values())
            plain_fit(plain_module(None, margin), train, genre[parts["train"]], val, epochs, folder, 0)


def recomputed(run: Path, share: float) -> float:
    """Return the seconds of one epoch of the plain script that includes the backbone."""
    import timm
    import torch
    from embedding import Files
    from torch.utils.data import Dataset

    table = splits_of(run)

    class Labelled(Dataset):
        def __init__(self, part: Any) -> None:
            self.files, self.genre = Files(part["file"].tolist()), part["genre"].tolist()

        def __len__(self) -> int:
            return len(self.genre)

        def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
            return self.files[at], self.genre[at]

    train, val = (
        Labelled(part[: max(BATCH, int(share * len(part)))])
        for part in (table[table["split"] == s] for s in ("train", "val"))
    )
    model = plain_module(timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0), 45)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        plain_fit(model, train, torch.tensor(train.genre), val, 1, folder, 2)
        taken = time.perf_counter() - start
    scale = (table["split"].isin(["train", "val"])).sum() / (len(train) // BATCH * BATCH + len(val))
    return taken * float(scale)


def arithmetic(run: Path, jobs: int, epochs: int) -> list[float]:
    """Return the seconds of the training steps of ``jobs`` runs in a bare loop: one by one, and stacked."""
    import torch
    from omegaconf import OmegaConf
    from torch import Tensor, nn

    from keyart.losses.objective import EmbeddedBatch, compute_loss
    from keyart.training.build import build
    from keyart.training.fit import build_data, build_module
    from keyart.training.prepare import prepare
    from keyart.utils.allocator import keep_freed_memory

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = embedder.head

        def forward(self, transformed: Tensor) -> Tensor:
            return torch.cat([nn.functional.normalize(one, dim=1) for one in self.head.branches(transformed)], dim=1)

    keep_freed_memory()  # as `keyart train` does
    experiment = build(OmegaConf.load(run / "config.yaml"))
    prepared, embedder = prepare(experiment)
    module, data = build_module(experiment, prepared, embedder), build_data(experiment, prepared)
    data.setup("fit")
    loaded = (data.on_before_batch_transfer(batch, 0) for batch in data.train_dataloader())
    batches, branches = [data.on_after_batch_transfer(batch, 0) for batch in loaded], Branches().train()
    own, fixed = dict(branches.named_parameters()), dict(branches.named_buffers())

    def loss_of(weights: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
        embeddings = torch.func.functional_call(branches, {**weights, **fixed}, batch["transformed"])
        rows = EmbeddedBatch(embeddings, batch["genres"], batch["index"])
        return compute_loss(rows, module.loss, module.relevance, branches=embeddings.shape[1] // embedder.branch_size)

    def epoch_of(copies: tuple[int, ...], gradients: Callable[..., dict[str, Tensor]]) -> Callable[[], None]:
        weights = {name: value.detach().expand(*copies, *value.shape).clone() for name, value in own.items()}
        optimizer = experiment.optimizer.create([{"params": list(weights.values()), "lr": 1e-3, "weight_decay": 0.05}])

        def epoch() -> None:
            for batch in batches:
                for name, gradient in gradients(weights, batch).items():
                    weights[name].grad = gradient
                optimizer.step()

        return epoch

    gradients = torch.func.grad(loss_of)
    stacked = torch.func.vmap(gradients, in_dims=(0, None), randomness="same", chunk_size=8)
    alone, together = epoch_of((), gradients), epoch_of((jobs,), stacked)
    alone()
    times = [(measure.seconds(alone), measure.seconds(together)) for _ in range(3)]
    one, many = map(min, zip(*times, strict=True))
    return [jobs * epochs * one, epochs * many]


def write_features(run: Path, out: Path) -> None:
    """The run's frozen features, from the cache."""
    import numpy as np

    from keyart.images.pixel_cache import open_pixels
    from keyart.models.embedder import load_frozen
    from keyart.models.feature_cache import cached_features

    pixels, _, _ = open_pixels([Path(path) for path in splits_of(run)["file"]], (256, 176))
    backbone = load_frozen(run / "embedder")
    np.save(out, np.array(cached_features(backbone, pixels)[:, : backbone.num_features]))


def call(command: list[str]) -> tuple[float, str]:
    """Return the seconds and the output of a fresh process."""
    start = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=measure.environment(), cwd=measure.ROOT
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-4000:]}")
    return time.perf_counter() - start, done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--margins", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--recompute-share", type=float, default=1.0)
    parser.add_argument("--experiment", default="plain", help="the peer's model is that of plain")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("overrides", nargs="*", help="of the runs")
    arguments = parser.parse_args()
    if arguments.worker:
        which, run, *rest = arguments.worker
        if which == "cached":
            cached(Path(run), Path(rest[0]), [float(margin) for margin in rest[1].split(",")], int(rest[2]))
        elif which == "features":
            write_features(Path(run), Path(rest[0]))
        elif which == "arithmetic":
            print(*arithmetic(Path(run), *map(int, rest)))
        else:
            print(recomputed(Path(run), float(rest[0])))
        return
    margins = [f"{30 + 2 * at}" for at in range(arguments.margins)]
    posters = measure.need_posters()
    with tempfile.TemporaryDirectory() as temporary:
        train = [sys.executable, "train.py", "data=posters", f"data.catalogue={posters / 'catalogue.csv'}"]
        train += [f"data.images={posters / 'posters'}", f"training.head_epochs={arguments.epochs}"]
        train += [f"experiment={arguments.experiment}", "callbacks.report=false", *arguments.overrides]
        _, first = call([*train, "training.head_epochs=1", f"hydra.run.dir={temporary}/first"])  # fills the caches
        script, features = [sys.executable, __file__, "--worker"], f"{temporary}/features.npy"
        call([*script, "features", first, features])
        half = len(margins) // 2

        def plain(some: list[str]) -> float:
            return call([*script, "cached", first, features, ",".join(some), str(arguments.epochs)])[0] if some else 0.0

        def swept(name: str, *more: str) -> float:
            line = [*train[:2], "-m", *train[2:], f"loss.margin={','.join(margins)}", *more]
            return call([*line, f"hydra.sweep.dir={temporary}/{name}"])[0]

        peer = plain(margins[:half])
        one = call([*train, f"hydra.run.dir={temporary}/one"])[0]
        in_turn, beside = swept("in-turn"), swept("beside", "hydra/launcher=local")
        peer += plain(margins[half:])
        sizes = str(len(margins)), str(arguments.epochs)
        limits = [float(one) for one in call([*script, "arithmetic", first, *sizes])[1].split()]
        epoch = float(call([*script, "recomputed", first, str(arguments.recompute_share)])[1])
    whole = epoch * arguments.epochs * len(margins)
    share = arguments.recompute_share
    part = f"one epoch {epoch:.0f} s" + (f" (from {share:.1%} of the posters)" if share < 1 else "")
    title = f"{len(margins)} margins, experiment={arguments.experiment}, {arguments.epochs} epochs each, real posters"
    measure.table(
        f"{title}: {measure.machine()}",
        ["", "seconds", "ours beside it"],
        [
            ["Lightning + PML, features in memory", f"{peer:.0f}", ""],
            [f"Lightning + PML, backbone in it: {part}, extrapolated", f"{whole:.0f}", ""],
            ["keyart, one job", f"{one:.0f}", ""],
            *(
                [f"keyart, {how}, beside {which}", f"{ours:.0f}", measure.beside_goal(ours / other, goal, at_most=True)]
                for how, ours in (("job by job", in_turn), ("two jobs side by side (hydra/launcher=local)", beside))
                for which, other, goal in (
                    ("the first", peer, CACHED),
                    ("the second", whole, RECOMPUTED),
                    ("one job", one, ONE_JOB),
                )
            ),
            *(
                [f"the training steps of all jobs alone, {how}, beside {which}", f"{limit:.0f}", f"{limit / other:.2f}"]
                for how, limit in zip(("one by one", "stacked"), limits, strict=True)
                for which, other in (("the first", peer), ("one job", one))
            ),
        ],
    )


if __name__ == "__main__":
    main()
