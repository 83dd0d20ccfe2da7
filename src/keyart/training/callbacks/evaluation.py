"""Callback that computes retrieval metrics at each validation and on test."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from keyart.catalogue.relevance import Relevance
from keyart.metrics.dimension import CollapseStats
from keyart.metrics.registry import DEFAULT_METRICS, headline
from keyart.metrics.result import RetrievalResult, lift, same_queries
from keyart.metrics.retrieval_metrics import RetrievalMetrics


class RetrievalEvaluation(Callback):
    """Callback that evaluates the embeddings of each validation (and test) and logs the retrieval metrics.

    It collects the outputs of ``validation_step`` (``test_step``): a dict of ``embedding`` (B, D) and ``index`` (B,),
    the posters' positions in the catalogue. At the end it logs ``val/<metric>`` for every metric, and for those of
    `keyart.metrics.registry.headline` also ``/chance``, ``/frozen`` and ``/lift``, before checkpoints and early
    stopping read their monitor. The progress bar shows the first. Undefined values are not logged. All processes log
    the same values. The sanity check before training logs nothing.

    To detect collapse, each validation also logs ``val/intrinsic_dimension/twonn``, ``…/participation_ratio`` and
    ``val/mean_cosine`` of its embeddings, and warns once if they have collapsed (see `CollapseStats`).

    Args:
        genres: (N, G) multi-hot of the whole catalogue.
        ids: (N,) unique ids.
        relevance: Gains between genre sets.
        genre_names: (G,) names.
        years: (N,) float, NaN where unknown.
        groups: (N,) ids of near-duplicate groups.
        frozen: Results of the frozen backbone by split (``val``, ``test``); without them lift is unknown.
        metrics: Names of the metrics to compute.
        monitor: The metric that the progress bar shows, without its split.

    Attributes:
        results: The last result of each split.
    """

    def __init__(
        self,
        genres: np.ndarray,
        ids: Sequence[str] | np.ndarray,
        *,
        relevance: Relevance,
        genre_names: Sequence[str],
        years: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        frozen: Mapping[str, RetrievalResult] | None = None,
        metrics: Sequence[str] = DEFAULT_METRICS,
        monitor: str | None = None,
    ) -> None:
        super().__init__()
        self.metric = RetrievalMetrics(relevance, label_names=genre_names, metrics=metrics)
        self.genres, self.ids = np.asarray(genres), np.asarray(ids, dtype=object)
        self.years, self.groups = years, groups
        self.frozen = dict(frozen or {})
        self.monitor = monitor
        self.results: dict[str, RetrievalResult] = {}
        self._warned = False
        self._warned_of_collapse = False

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the metrics."""
        self._begin(pl_module)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Collect the embeddings of a batch."""
        if not trainer.sanity_checking:
            self._keep(outputs, "validation_step")

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compute and log the metrics."""
        if not trainer.sanity_checking:
            self._log(trainer, pl_module, "val")

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reset the metrics."""
        self._begin(pl_module)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Collect the embeddings of a batch."""
        self._keep(outputs, "test_step")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compute and log the metrics."""
        self._log(trainer, pl_module, "test")

    def _begin(self, pl_module: LightningModule) -> None:
        self.metric.to(pl_module.device)
        self.metric.reset()

    def _keep(self, outputs: Any, step: str) -> None:
        if not isinstance(outputs, Mapping) or not {"embedding", "index"} <= outputs.keys():
            raise TypeError(f"{step} must return a dict with 'embedding' and 'index', not {type(outputs).__name__}")
        at = outputs["index"].cpu().numpy()
        years, groups = (None if values is None else np.asarray(values)[at] for values in (self.years, self.groups))
        self.metric.update(outputs["embedding"], self.genres[at], self.ids[at], years=years, groups=groups)

    def _log(self, trainer: Trainer, pl_module: LightningModule, split: str) -> None:
        self.metric.compute()
        result, spread = self.metric.result, self.metric.collapse_stats
        assert result is not None
        self.metric.reset()
        self.results[split] = result
        values = {f"{split}/{name}": value for name, value in result.summary.items()}
        frozen = self._frozen(result, split)
        first = headline(result.summary, self.monitor)
        for name in first:
            values[f"{split}/{name}/chance"] = chance = result.chance[name]
            if frozen is not None:
                values[f"{split}/{name}/frozen"] = base = frozen.summary.get(name, math.nan)
                lifted = lift(result.summary[name], chance, base, frozen.errors.get(name, math.nan))
                values[f"{split}/{name}/lift"] = math.nan if lifted is None else lifted
        if split == "val" and spread is not None:
            values |= {
                "val/intrinsic_dimension/twonn": spread.twonn,
                "val/intrinsic_dimension/participation_ratio": spread.participation_ratio,
                "val/mean_cosine": spread.mean_cosine,
            }
            self._warn_of_collapse(spread)
        shown = {f"{split}/{name}{end}" for name in first[:1] for end in ("", "/lift")}
        for name, value in values.items():
            if math.isfinite(value):
                pl_module.log(name, value, prog_bar=name in shown, sync_dist=trainer.world_size > 1)

    def _warn_of_collapse(self, spread: CollapseStats) -> None:
        if self._warned_of_collapse or not (how := spread.collapse()):
            return
        self._warned_of_collapse = True
        rank_zero_warn(
            f"the embedding of the validation posters has collapsed {how}: lower optimizer.lr or loss.margin, or give"
            " the loss more negatives (sampler.batch_size, memory.size)"
        )

    def _frozen(self, result: RetrievalResult, split: str) -> RetrievalResult | None:
        frozen = self.frozen.get(split)
        if frozen is None or same_queries(result, frozen):
            return frozen
        if not self._warned:
            self._warned = True
            rank_zero_warn(
                f"{split}: {result.queries} posters were seen, but the frozen backbone was evaluated on"
                f" {frozen.queries}, so no lift is logged (are the batches limited?)"
            )
        return None
