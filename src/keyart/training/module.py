"""LightningModule with a head phase on frozen features and a fine-tuning phase, one optimizer and one step count."""

import logging
import warnings
from collections.abc import Callable
from typing import Any, Literal

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from keyart.errors import InputError
from keyart.losses.base import MetricLoss
from keyart.losses.gather import exchange_sizes
from keyart.losses.memory import CrossBatchMemory
from keyart.losses.miners.base import Miner
from keyart.losses.objective import EmbeddedBatch, check_use, compute_loss
from keyart.models.embedder import Embedder
from keyart.models.heads.dropout import rows_of_batch
from keyart.models.precision import autocast_for, resolve_precision
from keyart.training.gradient_cache import in_chunks
from keyart.training.parameter_groups import OptimizerFactory, decay_groups, freeze_lowest, fused_adamw, layer_groups
from keyart.training.schedule import PhaseSchedule, Scheduler, warmup_cosine
from keyart.utils.paths import FORMER_NAME

log = logging.getLogger(__name__)

Batch = dict[str, Any]

# Replaces the rank in seeds of random numbers that must be equal in all processes.
_ALL_RANKS = 2**31


class EmbeddingModule(lightning.LightningModule):
    """LightningModule that trains an embedder with a metric loss.

    A batch holds ``index`` (B,) int64 positions in the catalogue, ``genres`` (B, G) float, and one of these:
    ``features`` (B, D) of the frozen backbone, or ``transformed`` (B, C), what `Head.transform` makes of them, which
    train the head alone; or ``pixels`` (B, 3, H, W) float in [0, 1], which train everything. If the loss needs their
    similarities, it holds ``frozen`` (B, F), vectors of the frozen backbone or of a teacher. It may hold ``sizes``, the
    number of rows of each process as a list; without it the processes exchange their sizes. With several processes, the
    loss is computed over the rows of all.

    One optimizer holds every parameter from the start, so that the step count and its state continue through both
    phases. A backbone that will not be fine-tuned has no gradient and is not in the optimizer. With both phases,
    DistributedDataParallel must look for unused parameters, because the backbone is frozen in the first:
    ``strategy="ddp_find_unused_parameters_true"``.

    Learning rates are a pure function of the global step. At the start of each step, a generator for its random numbers
    (dropout, stochastic depth) is seeded by (seed, epoch, batch, rank). The head's dropout and the draws of miner and
    loss use the same seed in every process, so that a head learns the same with any number of processes. A resumed run
    needs only the weights, the memory, the optimizer's moments and the step to continue exactly like an uninterrupted
    one.

    Args:
        embedder: Backbone and head; the head is already fitted.
        loss: The loss; if it owns parameters, `MetricLoss.build` has created them.
        relevance: Gains (N, M) in [0, 1] between two multi-hot tensors.
        miner: Selects the pairs that the loss uses; None: all.
        memory: Posters of earlier batches to compare with; None: no memory.
        chunk_size: Number of posters per process that pass through the backbone at once in fine-tuning. The gradient is
            that of the whole batch, the memory use that of a chunk (see `in_chunks`). None: the whole batch at once.
        head_epochs: Epochs of the head phase.
        finetune_epochs: Epochs of the fine-tuning phase.
        optimizer: Creates the optimizer from parameter groups that contain their rates and weight decay.
        scheduler: Factor of the peak rates at each step of a phase.
        lr: Peak learning rate of head and loss.
        backbone_lr: Peak learning rate of the backbone's last layer.
        layer_decay: Factor of each layer's learning rate to that of the layer above (timm's own grouping).
        frozen_share: Share of the backbone's layers that stay frozen, from the lowest up.
        weight_decay: Weight decay of matrices and kernels; vectors (biases, norms) have none.
        precision: Precision of the backbone: ``auto``, ``fp32`` or ``bf16``.
        seed: Seed of the random numbers of each step.

    Raises:
        InputError: A value is out of range, or the loss cannot use the miner or the memory.
    """

    def __init__(
        self,
        embedder: Embedder,
        loss: MetricLoss,
        relevance: Callable[[Tensor, Tensor], Tensor],
        *,
        miner: Miner | None = None,
        memory: CrossBatchMemory | None = None,
        chunk_size: int | None = None,
        head_epochs: int = 20,
        finetune_epochs: int = 0,
        optimizer: OptimizerFactory = fused_adamw,
        scheduler: Scheduler = warmup_cosine,
        lr: float = 1e-3,
        backbone_lr: float = 1e-4,
        layer_decay: float = 0.75,
        frozen_share: float = 0.0,
        weight_decay: float = 0.05,
        precision: str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        for key, value in (("lr", lr), ("backbone_lr", backbone_lr)):
            if value <= 0:
                raise InputError(f"optimizer.{key}={value}: must be above 0")
        if not 0 < layer_decay <= 1:
            raise InputError(f"optimizer.layer_decay={layer_decay}: must be in (0, 1]")
        if weight_decay < 0:
            raise InputError(f"optimizer.weight_decay={weight_decay}: must be 0 or more")
        if chunk_size is not None and chunk_size < 1:
            raise InputError(f"training.chunk_size={chunk_size}: must be 1 or more posters, or null")
        resolve_precision("cpu", precision)
        check_use(loss, miner, memory=memory is not None)
        self.embedder = embedder
        self.loss = loss
        self.relevance = relevance
        self.miner, self.memory, self.chunk_size = miner, memory, chunk_size
        # Every process fills the same queue itself, so DDP need not broadcast it before each step.
        self._ddp_params_and_buffers_to_ignore = [
            name for name, _ in self.named_buffers() if name.startswith("memory.")
        ]
        self.schedule = PhaseSchedule(head_epochs, finetune_epochs, scheduler)
        self.optimizer, self.lr, self.backbone_lr = optimizer, lr, backbone_lr
        self.layer_decay, self.weight_decay = layer_decay, weight_decay
        self.precision, self.seed = precision, seed
        self.epoch_loss, self.epoch_of_loss = MeanMetric("disable", sync_on_compute=False), -1
        #: Whether the backbone has been trained, here or in the checkpoint that was loaded.
        self.backbone_trained = False
        embedder.backbone.requires_grad_(finetune_epochs > 0)
        if finetune_epochs > 0 and frozen_share > 0:
            freeze_lowest(embedder.backbone, frozen_share)
        # Lightning does not change a module's mode, and backbones are created in evaluation mode.
        self.train()

    @property
    def phase(self) -> Literal["head", "finetune"]:
        """Phase of the current epoch."""
        return "head" if self.current_epoch < self.schedule.head_epochs else "finetune"

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, E) normalised embeddings of images (B, 3, H, W) in [0, 1]."""
        with autocast_for(images.device, self.precision):
            embeddings: Tensor = self.embedder(images)
        return embeddings

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the loss of one batch, over the rows of all processes."""
        transformed = self._transformed(batch)
        sizes = batch.get("sizes") or exchange_sizes(len(transformed), transformed.device)
        if len(sizes) > 1:
            seed_draws(transformed.device, step_seed(self.seed, self.current_epoch, batch_idx, 0))
        with rows_of_batch(self.global_rank, sizes):
            parts = self.embedder.branches(transformed)
        if self.loss.input_kind == "normalised":
            parts = tuple(nn.functional.normalize(part, dim=1) for part in parts)
        rows = EmbeddedBatch(torch.cat(parts, dim=1), batch["genres"], batch["index"], batch.get("frozen"))
        if len(sizes) > 1:
            rows = rows.gathered(sizes)
        seed_draws(transformed.device, step_seed(self.seed, self.current_epoch, batch_idx, _ALL_RANKS))
        remembered = None if self.memory is None else self.memory.references(self.global_step)
        loss = compute_loss(
            rows, self.loss, self.relevance, branches=len(parts), miner=self.miner, remembered=remembered
        )
        if self.memory is not None:
            self.memory.store(rows)
        if self.epoch_of_loss != self.current_epoch:
            self.epoch_loss.reset()
            self.epoch_of_loss = self.current_epoch
        self.epoch_loss.update(loss.detach(), len(rows.index))
        self.log("train/loss", self.epoch_loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return embeddings (B, E) and positions (B,) of one batch, for the evaluation callback."""
        return {"embedding": self.embedder.from_transformed(self._transformed(batch)), "index": batch["index"]}

    test_step = validation_step

    def _transformed(self, batch: Batch) -> Tensor:
        """Return the input of the head's trained part (B, C): from the batch, or computed."""
        if "transformed" in batch:
            transformed: Tensor = batch["transformed"]
            return transformed
        if "features" in batch:
            return self.embedder.transform(batch["features"])
        return self.embedder.transform(in_chunks(self._features_of, batch["pixels"], self.chunk_size))

    def _features_of(self, pixels: Tensor) -> Tensor:
        with autocast_for(pixels.device, self.precision):
            created: Tensor = self.embedder.backbone(pixels)
        return created

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Create one optimizer over head, loss and, if it will be fine-tuned, each layer of the backbone."""
        groups = [
            *decay_groups(self.embedder.head, "head", self.lr, self.weight_decay),
            *decay_groups(self.loss, "loss", self.lr, self.weight_decay),
        ]
        if self.schedule.finetune_epochs > 0:
            groups += layer_groups(self.embedder.backbone, self.backbone_lr, self.weight_decay, self.layer_decay)
        for group in groups:
            group["peak_lr"] = group["lr"]
        return self.optimizer(groups)

    def on_fit_start(self) -> None:
        """Silence Lightning's warning about modules in evaluation mode.

        The batch norms of the backbone are in evaluation mode on purpose.
        """
        warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rates, the loss's margin and the random seed of the current step."""
        # trainer.estimated_stepping_batches would be simpler, but with it Lightning loses a resumed loader's state.
        steps = self.trainer.num_training_batches
        if isinstance(steps, float):
            raise InputError("trainer: the number of batches an epoch must be known for the learning-rate schedule")
        steps_per_epoch = -(-steps // self.trainer.accumulate_grad_batches)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                factor = self.schedule.factor(group["role"], self.global_step, steps_per_epoch)
                group["lr"] = group["peak_lr"] * factor
        epochs = self.schedule.head_epochs + self.schedule.finetune_epochs
        self.loss.set_step(self.global_step, epochs * steps_per_epoch)
        seed_draws(self.device, step_seed(self.seed, self.current_epoch, batch_idx, self.global_rank))

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Record that the backbone has been trained."""
        if "pixels" in batch:
            self.backbone_trained = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the phase to the checkpoint, and the loss of the epoch's steps so far: Lightning forgets it."""
        checkpoint["keyart"] = {
            "phase": self.phase,
            "head_epochs": self.schedule.head_epochs,
            "finetune_epochs": self.schedule.finetune_epochs,
            "backbone_trained": self.backbone_trained,
            "epoch_loss": [self.epoch_of_loss, float(self.epoch_loss.mean_value), float(self.epoch_loss.weight)],
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore from a checkpoint whether the backbone has been trained, and the loss of a part of an epoch."""
        found = checkpoint.get("keyart") or checkpoint[FORMER_NAME]
        self.backbone_trained = bool(found["backbone_trained"])
        self.epoch_of_loss, mean, weight = found.get("epoch_loss", (-1, 0.0, 0.0))
        self.epoch_loss.mean_value.fill_(mean)
        self.epoch_loss.weight.fill_(weight)
        log.info("checkpoint of phase %s, step %d", found["phase"], checkpoint.get("global_step", 0))


def step_seed(seed: int, epoch: int, batch: int, rank: int) -> int:
    """Return a well-mixed seed for one step's random numbers, a pure function of the four arguments.

    >>> step_seed(0, 1, 2, 0) == step_seed(0, 1, 2, 0) != step_seed(0, 2, 1, 0)
    True
    """
    state = np.random.SeedSequence([seed, epoch, batch, rank]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def seed_draws(device: torch.device, seed: int) -> None:
    """Seed the random numbers of a device and of the CPU, as ``torch.manual_seed`` does.

    On a machine without CUDA, ``torch.manual_seed`` records the call stack for a later CUDA initialisation, which takes
    a millisecond per call. This function avoids that.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
