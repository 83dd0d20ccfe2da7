"""What every metric loss shares: one interface, and arithmetic in float32 with a margin that may follow a schedule."""

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
from keyart.losses.relations import Relations, relate, relate_labels

__all__ = ["Margin", "MarginSchedule", "MetricLoss", "Relations", "Schedule", "masked_mean", "relate"]

#: What a loss's ``margin_schedule`` takes.
Schedule = MarginSchedule | Mapping[str, Any] | None


class MetricLoss(nn.Module, ABC):
    """A loss on embeddings and their relations: subclass it in one file, write `compute`, and add a YAML.

    `forward` sees to what all have in common: the arithmetic is float32 (or float64 when given) also under autocast,
    and without references the batch is its own reference. `compute` must return a finite scalar that has a gradient,
    also for a batch without positives or negatives (then 0), and should not make the host wait for the device.

    `compute` reads ``self.margin`` each time, so that a schedule can change it between steps.

    Args:
        margin: In the loss's own unit; None for its default.
        margin_schedule: How the margin grows during training; None for a constant one.

    Raises:
        InputError: When the margin or its schedule is out of range, or given to a loss that has none.
    """

    #: What ``loss=`` calls it.
    name: ClassVar[str]
    #: What its margin means; None for a loss without one.
    margin_spec: ClassVar[Margin | None] = None
    #: Whether embeddings come L2-normalised or as the head left them.
    takes: Literal["normalised", "raw"] = "normalised"
    #: Whether it compares posters with each other; only then does a memory of other batches make sense.
    pairwise: bool = True
    #: Whether it obeys a choice among the pairs; only then does a miner make sense. Losses on whole rankings or on the
    #: graded gain of every pair do not.
    minable: bool = True
    #: Why it cannot compare a batch with more embeddings than its own, where it cannot; None where it can.
    no_references: str | None = None
    #: Whether it asks for `Relations.frozen`.
    needs_frozen: bool = False

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None) -> None:
        super().__init__()
        #: Gains (N, M) of two multi-hot tensors, where `forward` is given labels instead of relations.
        self.relevance: Callable[[Tensor, Tensor], Tensor] = Relevance("jaccard")
        self.margin = self.check_margin(margin)
        self._full_margin = self.margin
        self.margin_schedule = self._check_schedule(margin_schedule)
        if self.margin is not None:
            self.margin = self.margin_schedule.at(self.margin, 0, 1)

    def own_margin_spec(self) -> Margin | None:
        """What this object's margin means: `margin_spec`, unless the object itself decides."""
        return self.margin_spec

    def title(self) -> str:
        """How messages name it."""
        return self.name

    def check_margin(self, margin: object) -> float | None:
        """The margin to use for ``loss.margin``; None for a loss that has none.

        Raises:
            InputError: When it is out of range, no number, or given to a loss that has none.
        """
        spec = self.own_margin_spec()
        if spec is not None:
            return spec.check(margin, self.title())
        if margin is not None:
            raise InputError(f"loss.margin={margin}: loss={self.title()} has no margin; leave it null")
        return None

    def _check_schedule(self, given: Schedule) -> MarginSchedule:
        """The schedule with its start filled in."""
        schedule = MarginSchedule.of(given)
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

    def to_step(self, step: int, steps: int) -> None:
        """Set ``margin`` to what its schedule has for a step; training calls it before each.

        Args:
            step: Steps of the optimizer so far.
            steps: Steps of the whole training.
        """
        if self._full_margin is not None:
            self.margin = self.margin_schedule.at(self._full_margin, step, steps)

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Make the parameters that the loss owns, if any, before the optimizer is made.

        Args:
            embedding_size: Width E of the embeddings that `forward` will get.
            genre_counts: (G,) how many training posters have each genre.
            num_train: How many training posters there are.
        """

    def forward(
        self,
        embeddings: Tensor,
        labels: Relations | Tensor,
        ref_emb: Tensor | None = None,
        ref_labels: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of a batch.

        Args:
            embeddings: (N, E). With relations: normalised or raw, as `takes` says. With labels: as the model returns
                them.
            labels: Relations between the N embeddings and the M references; or labels, (N,) class numbers or (N, G)
                multi-hot, from which `relevance` makes the relations.
            ref_emb: (M, E) what the embeddings are compared with; None for the batch itself (M = N).
            ref_labels: (M,) or (M, G), needed with labels and ``ref_emb``.

        Returns:
            A scalar, float32 or float64.

        Raises:
            ValueError: The labels do not fit the embeddings.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            rows = _at_least_float(embeddings)
            others = rows if ref_emb is None else _at_least_float(ref_emb).to(rows.dtype)
            if not isinstance(labels, Relations):
                if (ref_emb is None) != (ref_labels is None):
                    raise ValueError("ref_emb and ref_labels must be given together")
                if self.takes == "normalised":
                    rows = nn.functional.normalize(rows, dim=1)
                    others = rows if ref_emb is None else nn.functional.normalize(others, dim=1)
                labels = relate_labels(labels, len(rows), self.relevance, ref_labels, len(others))
            return self.compute(rows, others, labels)

    @abstractmethod
    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """The loss's formula.

        Args:
            rows: (N, E) float32 or float64.
            references: (M, E) of the same dtype; ``rows`` itself when the batch is its own reference.
            relations: Between the two.
        """

    def extra_repr(self) -> str:
        """The margin, for printing."""
        return "" if self.margin is None else f"margin={self.margin:g}"


def _at_least_float(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
