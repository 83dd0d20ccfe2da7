"""One fine-tuning step in Lightning beside a hand-written PyTorch loop of the same model, precision and loss.

    python benchmarks/step.py [--steps 10] [--posters 400] [--batch 64] [override …]

The run is that of `python train.py experiment=plain training.head_epochs=0 training.finetune_epochs=1`. After each of
its steps the hand-written loop takes one on the same posters, with a copy of the model: gather, augment, forward, loss
over the same relations, backward, clip, AdamW, nothing else. A step of ours is all that passes from the end of that to
the end of our next step: loader, transfer, augmentation, hooks, logging.
"""

import argparse
import copy
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning
import measure
import torch
from torch import nn

from keyart.losses.base import compute_relations
from keyart.models.precision import autocast_for
from keyart.training.build import build
from keyart.training.fit import build_data, build_module
from keyart.training.prepare import prepare
from keyart.training.train import filter_warnings
from keyart.utils.allocator import keep_freed_memory

GOAL = 1.10


class ByHand:
    """Training loop without Lightning."""

    def __init__(self, module: Any, data: Any, clip: float) -> None:
        self.embedder, self.loss = copy.deepcopy(module.embedder), copy.deepcopy(module.loss)
        self.relevance, self.precision, self.clip, self.data = module.relevance, module.precision, clip, data
        self.augment = copy.deepcopy(data.augment)
        self.genres = torch.from_numpy(data.posters.catalogue.genres).float()
        self.parameters = [*self.embedder.parameters(), *self.loss.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-5, weight_decay=0.05)

    def step(self, index: torch.Tensor) -> None:
        """One step on the posters at ``index``."""
        images = self.augment(self.data.posters.pixels.take(index), index, 0, 0)
        with autocast_for(images.device, self.precision):
            features = self.embedder.backbone(images)
        x = self.embedder.from_features(features, raw=self.loss.input_kind != "normalised")
        genres = self.genres[index]
        loss = self.loss(x, compute_relations(genres, genres, self.relevance, index, index))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()


class Turns(lightning.Callback):
    """Callback that runs a step of the hand-written loop after each of ours."""

    def __init__(self, by_hand: ByHand) -> None:
        self.by_hand, self.since = by_hand, (0.0, 0.0)
        self.ours: list[tuple[float, float]] = []
        self.theirs: list[tuple[float, float]] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: dict, batch_idx: int) -> None:
        """End the time of our step, run and time theirs, and start the next one of ours."""
        if self.since[0]:
            self.ours.append((time.perf_counter() - self.since[0], time.process_time() - self.since[1]))
        taken = measure.cost(lambda: self.by_hand.step(batch["index"]))
        if self.since[0]:
            self.theirs.append(taken)
        self.since = time.perf_counter(), time.process_time()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--posters", type=int, default=400)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("overrides", nargs="*", help="of the configuration, such as model=resnet18")
    arguments = parser.parse_args()
    from hydra import compose, initialize_config_dir

    filter_warnings()
    keep_freed_memory()  # as `keyart train` does
    with tempfile.TemporaryDirectory() as temporary:
        overrides = ["experiment=plain", "data=posters"]
        overrides += [f"data.catalogue={measure.some_posters(Path(temporary), arguments.posters)}"]
        overrides += [f"data.images={measure.need_posters() / 'posters'}", "training.head_epochs=0"]
        overrides += ["training.finetune_epochs=100", f"sampler.batch_size={arguments.batch}", *arguments.overrides]
        with initialize_config_dir(str(measure.ROOT / "conf"), version_base="1.3"):
            experiment = build(compose("train", overrides))
        prepared, embedder = prepare(experiment)
        module = build_module(experiment, prepared, embedder)
        data = build_data(experiment, prepared)
        clip = experiment.trainer.others["gradient_clip_val"]
        turns = Turns(ByHand(module, data, clip))
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=arguments.steps + 1,
            gradient_clip_val=clip,
            callbacks=[turns],
            limit_val_batches=0,
            enable_model_summary=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            logger=False,
            use_distributed_sampler=False,
        )
        trainer.fit(module, datamodule=data)
    precision, model = experiment.precision, experiment.model.backbone
    ratios = [measure.ratio(*([one[i] for one in times] for times in (turns.ours, turns.theirs))) for i in (0, 1)]
    measure.table(
        f"One fine-tuning step of {arguments.batch} posters, {model}, {precision}: {measure.machine()}",
        ["", "seconds (median)", "CPU seconds (median)"],
        [
            ["keyart", *(f"{statistics.median(times):.3f}" for times in zip(*turns.ours, strict=True))],
            ["by hand", *(f"{statistics.median(times):.3f}" for times in zip(*turns.theirs, strict=True))],
            ["ours beside it", measure.beside_goal(ratios[0], GOAL, at_most=True), f"{ratios[1]:.2f}"],
        ],
    )


if __name__ == "__main__":
    main()
