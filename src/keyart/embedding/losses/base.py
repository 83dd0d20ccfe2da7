"""What every metric loss shares: one interface, and arithmetic in float32 with a margin that may follow a schedule."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from keyart.embedding.losses.margins import Margin, MarginSchedule
from keyart.embedding.losses.reduce import masked_mean
from keyart.embedding.losses.relations import Relations, relate
from keyart.errors import InputError

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
    #: Whether it asks for `Relations.frozen`.
    needs_frozen: bool = False

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None) -> None:
        super().__init__()
        self.margin = self.check_margin(margin)
        self._full_margin = self.margin
        self.margin_schedule = self._check_schedule(margin_schedule)
        if self.margin is not None:
            self.margin = self.margin_schedule.at(self.margin, 0, 1)

    @classmethod
    def check_margin(cls, margin: object) -> float | None:
        """The margin to use for ``loss.margin``; None for a loss that has none.

        Raises:
            InputError: When it is out of range, no number, or given to a loss that has none.
        """
        if cls.margin_spec is not None:
            return cls.margin_spec.check(margin, cls.name)
        if margin is not None:
            raise InputError(f"loss.margin={margin}: loss={cls.name} has no margin; leave it null")
        return None

    def _check_schedule(self, given: Schedule) -> MarginSchedule:
        """The schedule with its start filled in."""
        schedule = MarginSchedule.of(given)
        if schedule.kind == "constant":
            return schedule
        if self.margin_spec is None:
            raise InputError(
                f"loss.margin_schedule.kind={schedule.kind}: loss={self.name} has no margin to schedule; leave it out"
            )
        start = self.margin_spec.low if schedule.start is None else schedule.start
        start = self.margin_spec.check(start, self.name, "loss.margin_schedule.start")
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

    def forward(self, embeddings: Tensor, relations: Relations, references: Tensor | None = None) -> Tensor:
        """The loss of a batch.

        Args:
            embeddings: (N, E) normalised or raw, as `takes` says.
            relations: Between the N rows and the M references.
            references: (M, E) what the rows are compared with; None for the batch itself (M = N).

        Returns:
            A scalar, float32 or float64.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            rows = _at_least_float(embeddings)
            others = rows if references is None else _at_least_float(references).to(rows.dtype)
            return self.compute(rows, others, relations)

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
