"""The base class of all metric losses: one interface, float32 arithmetic, and a margin that may follow a schedule."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.losses.margin_spec import Margin, MarginSchedule
from keyart.losses.reductions import masked_mean
from keyart.losses.relations import AnyRelevance, Relations, compute_label_relations, compute_relations, to_relevance

__all__ = ["Margin", "MarginSchedule", "MetricLoss", "Relations", "Schedule", "compute_relations", "masked_mean"]

#: Accepted types of a loss's ``margin_schedule``.
Schedule = MarginSchedule | Mapping[str, Any] | None


class MetricLoss(nn.Module, ABC):
    """Base class of losses on embeddings and their relations.

    To add a loss, subclass it in one file, implement `compute`, and add a YAML file.

    `forward` does the common work: it computes in float32 (or float64 for float64 input) also under autocast, and
    compares the batch with itself if there are no references. `compute` must return a finite scalar that has a
    gradient, also for a batch without positives or negatives (then 0). It should not make the host wait for the device.

    `compute` reads ``self.margin`` each time, so that a schedule can change it between steps.

    Args:
        margin: The margin in the loss's own unit; None for its default.
        margin_schedule: Schedule of the margin during training; None for a constant margin.

    Raises:
        InputError: The margin or its schedule is out of range, or the loss has no margin.
    """

    #: The loss's name in ``loss=``.
    name: ClassVar[str]
    #: Unit, range and default of the margin; None for a loss without a margin.
    margin_spec: ClassVar[Margin | None] = None
    #: Whether `compute` gets L2-normalised embeddings or the head's raw output.
    input_kind: Literal["normalised", "raw"] = "normalised"
    #: Whether the loss compares posters with each other; only then can it use a memory of other batches.
    supports_memory: bool = True
    #: Whether the loss can use a selection of pairs; only then can it use a miner. Losses on whole rankings or on the
    #: graded gain of every pair cannot.
    supports_miner: bool = True
    #: The reason why the loss cannot compare a batch with other embeddings; None if it can.
    no_references: str | None = None
    #: Whether the loss needs `Relations.frozen`, the similarities of the frozen backbone or of a teacher.
    needs_frozen_features: bool = False

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None) -> None:
        super().__init__()
        #: Returns gains (N, M) of two multi-hot tensors; used if `forward` gets labels instead of relations.
        self.relevance: Callable[[Tensor, Tensor], Tensor] = Relevance("jaccard")
        self.margin = self.check_margin(margin)
        self._full_margin = self.margin
        self.margin_schedule = self._check_schedule(margin_schedule)
        if self.margin is not None:
            self.margin = self.margin_schedule.at(self.margin, 0, 1)

    def own_margin_spec(self) -> Margin | None:
        """Return the margin specification of this object: `margin_spec` unless a subclass overrides this."""
        return self.margin_spec

    def title(self) -> str:
        """Return the loss's name for messages."""
        return self.name

    def check_margin(self, margin: object) -> float | None:
        """Check a value of ``loss.margin`` and return the margin to use; None for a loss without a margin.

        Raises:
            InputError: The value is not a number or is out of range, or the loss has no margin.
        """
        spec = self.own_margin_spec()
        if spec is not None:
            return spec.check(margin, self.title())
        if margin is not None:
            raise InputError(f"loss.margin={margin}: loss={self.title()} has no margin; leave it null")
        return None

    def _check_schedule(self, given: Schedule) -> MarginSchedule:
        """Check the schedule and return it with its start value set."""
        schedule = MarginSchedule.from_config(given)
        if schedule.kind == "constant":
            return schedule
        spec, title = self.own_margin_spec(), self.title()
        if spec is None:
            raise InputError(
                f"loss.margin_schedule.kind={schedule.kind}: loss={title} has no margin to schedule; leave it out"
            )
        start = spec.low if schedule.start is None else schedule.start
        start = spec.check(start, title, "loss.margin_schedule.start")
        return dataclasses.replace(schedule, start=start)

    def set_step(self, step: int, steps: int) -> None:
        """Set ``margin`` to its scheduled value for a step; training calls this before each step.

        Args:
            step: Number of optimizer steps so far.
            steps: Number of steps of the whole training.
        """
        if self._full_margin is not None:
            self.margin = self.margin_schedule.at(self._full_margin, step, steps)

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Create the loss's own parameters, if any; training calls this before it creates the optimizer.

        Args:
            embedding_size: Width E of the embeddings that `forward` will get.
            genre_counts: (G,) number of training posters of each genre.
            num_train: Number of training posters.
        """

    def forward(
        self,
        embeddings: Tensor,
        labels: Relations | Tensor,
        ref_emb: Tensor | None = None,
        ref_labels: Tensor | None = None,
        *,
        relevance: AnyRelevance | None = None,
        indices_tuple: Relations | tuple[Tensor, ...] | None = None,
    ) -> Tensor:
        """Compute the loss of a batch.

        Args:
            embeddings: (N, E). With relations: normalised or raw, as `input_kind` requires. With labels: as the model
                returns them.
            labels: Relations between the N embeddings and the M references; or labels, (N,) class numbers or (N, G)
                multi-hot, from which `relevance` derives the relations.
            ref_emb: (M, E) reference embeddings to compare with; None for the batch itself (M = N).
            ref_labels: (M,) or (M, G), required with labels and ``ref_emb``.
            relevance: With labels: a kind of `Relevance` that needs no weights, or any function that returns gains (N,
                M) in [0, 1] of two multi-hot tensors; None for the attribute `relevance`, which is ``jaccard``.
            indices_tuple: With labels: the pairs to use, from a miner of keyart or of pytorch-metric-learning.

        Returns:
            A scalar, float32 or float64.

        Raises:
            ValueError: The labels do not match the embeddings.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            rows = _at_least_float(embeddings)
            others = rows if ref_emb is None else _at_least_float(ref_emb).to(rows.dtype)
            if not isinstance(labels, Relations):
                if (ref_emb is None) != (ref_labels is None):
                    raise ValueError("ref_emb and ref_labels must be given together")
                if self.input_kind == "normalised":
                    rows = nn.functional.normalize(rows, dim=1)
                    others = rows if ref_emb is None else nn.functional.normalize(others, dim=1)
                gains = self.relevance if relevance is None else to_relevance(relevance)
                labels = compute_label_relations(labels, len(rows), gains, ref_labels, len(others))
            if indices_tuple is not None:
                labels = labels.narrowed_to(indices_tuple)
            return self.compute(rows, others, labels)

    @abstractmethod
    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss by its formula.

        Args:
            embeddings: (N, E) float32 or float64.
            ref_emb: (M, E) of the same dtype; ``embeddings`` itself if the batch is compared with itself.
            relations: Relations between the two.
        """

    def extra_repr(self) -> str:
        """Return the margin for printing."""
        return "" if self.margin is None else f"margin={self.margin:g}"


def _at_least_float(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
