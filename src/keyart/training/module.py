"""The LightningModule: a head phase on frozen features, then fine-tuning, with one optimizer and one step count."""

import logging
import warnings
from collections.abc import Callable
from typing import Any, Literal

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.losses.base import MetricLoss
from keyart.losses.gather import exchange_sizes
from keyart.losses.memory import CrossBatchMemory
from keyart.losses.miners.base import Miner
from keyart.losses.objective import Rows, check_use, objective
from keyart.models.embedder import Embedder
from keyart.models.heads.dropout import rows_of_batch
from keyart.models.precision import autocast_for, resolve_precision
from keyart.training.gradient_cache import in_chunks
from keyart.training.parameter_groups import decay_groups, freeze_lowest, layer_groups
from keyart.training.schedule import PhaseSchedule
from keyart.utils.paths import FORMER_NAME

log = logging.getLogger(__name__)

Batch = dict[str, Any]

# In the place of a rank, for random numbers that all processes draw alike.
_ALL_RANKS = 2**31


class EmbeddingModule(lightning.LightningModule):
    """Trains an embedder by a metric loss.

    A batch holds ``index`` (B,) int64 positions in the catalogue, ``genres`` (B, G) float, and either ``features``
    (B, D) of the frozen backbone, from which the head alone learns, or ``pixels`` (B, 3, H, W) float in [0, 1], from
    which everything learns. It may hold ``sizes``, the number of rows of each process as a list: then processes need
    not ask each other. In several processes the loss is taken over the rows of all.

    One AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) has every parameter from the start, so that the step count
    and the optimizer's state run through both phases; a backbone that will not be fine-tuned takes no gradient and is
    not in it. With both phases, DistributedDataParallel must look for unused parameters, since the backbone's rest in
    the first: ``strategy="ddp_find_unused_parameters_true"``.

    Learning rates are a pure function of the global step. Whatever is random in a step (dropout, stochastic depth) is
    drawn from a generator seeded by (seed, epoch, batch, rank) at its start; what the head drops, and what miner and
    loss draw, by the same in every process, so that a head learns the same in any number of processes. A resumed run
    needs nothing but the weights, the memory, the optimizer's moments and the step to go on as if nothing had happened.

    Args:
        embedder: Backbone and head; the head has been fitted.
        loss: Built (`MetricLoss.build`), where it owns parameters.
        relevance: Gains (N, M) in [0, 1] of two multi-hot tensors.
        miner: Chooses among the pairs that the loss will see; None for all.
        memory: Posters of earlier batches to compare with; None for none.
        chunk_size: Posters that pass through the backbone at once in fine-tuning, in each process: the gradient is that
            of the whole batch, in the memory of a chunk (see `in_chunks`). None for the whole batch at once.
        head_epochs: Epochs of the first phase.
        finetune_epochs: Epochs of the second.
        lr: Peak learning rate of head and loss.
        backbone_lr: Peak learning rate of the backbone's last layer.
        layer_decay: Each layer below learns at this factor of the one above (timm's own grouping).
        frozen_share: Share of the backbone's layers, the lowest, that do not learn at all.
        weight_decay: Of matrices and kernels; vectors (biases, norms) have none.
        warmup: Share of each phase's steps for a linear warm-up.
        precision: ``auto``, ``fp32`` or ``bf16``, of the backbone.
        seed: Of what is random in a step.

    Raises:
        InputError: For a value out of range, or a loss that has no use for the miner or the memory.
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
        lr: float = 1e-3,
        backbone_lr: float = 1e-4,
        layer_decay: float = 0.75,
        frozen_share: float = 0.0,
        weight_decay: float = 0.05,
        warmup: float = 0.1,
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
        # Every process fills the same queue by itself: there is nothing to broadcast before each step.
        self._ddp_params_and_buffers_to_ignore = [
            name for name, _ in self.named_buffers() if name.startswith("memory.")
        ]
        self.schedule = PhaseSchedule(head_epochs, finetune_epochs, warmup)
        self.lr, self.backbone_lr = lr, backbone_lr
        self.layer_decay, self.weight_decay = layer_decay, weight_decay
        self.precision, self.seed = precision, seed
        #: Whether the backbone has been trained, here or in the checkpoint that was loaded.
        self.backbone_trained = False
        embedder.backbone.requires_grad_(finetune_epochs > 0)
        if finetune_epochs > 0 and frozen_share > 0:
            freeze_lowest(embedder.backbone, frozen_share)
        # Lightning trains modules in the mode that it finds them in, and backbones are made in evaluation mode.
        self.train()

    @property
    def phase(self) -> Literal["head", "finetune"]:
        """The phase of the current epoch."""
        return "head" if self.current_epoch < self.schedule.head_epochs else "finetune"

    def forward(self, images: Tensor) -> Tensor:
        """(B, E) normalised embeddings of images (B, 3, H, W) in [0, 1]."""
        with autocast_for(images.device, self.precision):
            embeddings: Tensor = self.embedder(images)
        return embeddings

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch, over the rows of all processes."""
        features = self._features(batch)
        sizes = batch.get("sizes") or exchange_sizes(len(features), features.device)
        if len(sizes) > 1:
            seed_draws(features.device, step_seed(self.seed, self.current_epoch, batch_idx, 0))
        with rows_of_batch(self.global_rank, sizes):
            parts = self.embedder.parts(features)
        if self.loss.takes == "normalised":
            parts = tuple(nn.functional.normalize(part, dim=1) for part in parts)
        frozen = self._frozen(batch) if self.loss.needs_frozen else None
        rows = Rows(torch.cat(parts, dim=1), batch["genres"], batch["index"], frozen)
        if len(sizes) > 1:
            rows = rows.gathered(sizes)
        seed_draws(features.device, step_seed(self.seed, self.current_epoch, batch_idx, _ALL_RANKS))
        remembered = None if self.memory is None else self.memory.recall(self.global_step)
        loss = objective(rows, self.loss, self.relevance, parts=len(parts), miner=self.miner, remembered=remembered)
        if self.memory is not None:
            self.memory.store(rows)
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(rows.index), prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Embeddings (B, E) and positions (B,) of one batch: what the evaluation needs."""
        return {"embedding": self.embedder.from_features(self._features(batch)), "index": batch["index"]}

    def _features(self, batch: Batch) -> Tensor:
        """The batch's features, frozen as they came or made from its pixels."""
        if "features" in batch:
            features: Tensor = batch["features"]
            return features
        return in_chunks(self._features_of, batch["pixels"], self.chunk_size)

    def _features_of(self, pixels: Tensor) -> Tensor:
        with autocast_for(pixels.device, self.precision):
            made: Tensor = self.embedder.backbone(pixels)
        return made

    def _frozen(self, batch: Batch) -> Tensor:
        """The frozen backbone's pooled features (B, F) of a batch, from ``features`` or ``frozen``."""
        if "frozen" in batch:
            frozen: Tensor = batch["frozen"]
            return frozen
        if "features" in batch:
            pooled: Tensor = batch["features"][:, : self.embedder.backbone.num_features]
            return pooled
        raise InputError(f"loss={self.loss.name}: needs the frozen features, which this phase's batches do not hold")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One AdamW over head, loss and, where it will be fine-tuned, each layer of the backbone."""
        groups = [
            *decay_groups(self.embedder.head, "head", self.lr, self.weight_decay),
            *decay_groups(self.loss, "loss", self.lr, self.weight_decay),
        ]
        if self.schedule.finetune_epochs > 0:
            groups += layer_groups(self.embedder.backbone, self.backbone_lr, self.weight_decay, self.layer_decay)
        for group in groups:
            group["peak_lr"] = group["lr"]
        # One pass over the memory for each parameter, where the usual implementation makes ten.
        return torch.optim.AdamW(groups, fused=True)

    def on_fit_start(self) -> None:
        """Silence Lightning's warning about modules in evaluation mode: the backbone's batch norms are meant to be."""
        warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set learning rates, the loss's margin and the step's random numbers from where training stands."""
        # trainer.estimated_stepping_batches would do as well, but makes Lightning forget a resumed loader's state.
        steps = self.trainer.num_training_batches
        if isinstance(steps, float):
            raise InputError("trainer: the number of batches an epoch must be known for the learning-rate schedule")
        steps_per_epoch = -(-steps // self.trainer.accumulate_grad_batches)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                factor = self.schedule.factor(group["role"], self.global_step, steps_per_epoch)
                group["lr"] = group["peak_lr"] * factor
        epochs = self.schedule.head_epochs + self.schedule.finetune_epochs
        self.loss.to_step(self.global_step, epochs * steps_per_epoch)
        seed_draws(self.device, step_seed(self.seed, self.current_epoch, batch_idx, self.global_rank))

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Remember that the backbone is no longer the frozen one."""
        if "features" not in batch:
            self.backbone_trained = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record the phase beside the weights."""
        checkpoint["keyart"] = {
            "phase": self.phase,
            "head_epochs": self.schedule.head_epochs,
            "finetune_epochs": self.schedule.finetune_epochs,
            "backbone_trained": self.backbone_trained,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take over what was recorded."""
        told = checkpoint.get("keyart") or checkpoint[FORMER_NAME]
        self.backbone_trained = bool(told["backbone_trained"])
        log.info("checkpoint of phase %s, step %d", told["phase"], checkpoint.get("global_step", 0))


def step_seed(seed: int, epoch: int, batch: int, rank: int) -> int:
    """A seed for one step's random numbers: well mixed, and the same whenever the four are.

    >>> step_seed(0, 1, 2, 0) == step_seed(0, 1, 2, 0) != step_seed(0, 2, 1, 0)
    True
    """
    state = np.random.SeedSequence([seed, epoch, batch, rank]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def seed_draws(device: torch.device, seed: int) -> None:
    """Seed what is drawn on a device and on the CPU, as ``torch.manual_seed`` does.

    On a machine without CUDA that one writes down the call stack for a CUDA that may come later: a millisecond a call.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
