"""What every metric loss shares: margins with a unit, the relation between posters, one interface."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from onesheet.catalogue.relevance import negative_mask, positive_mask
from onesheet.errors import InputError


@dataclass(frozen=True)
class Margin:
    """A loss's margin: what ``loss.margin`` means for it.

    Args:
        unit: Such as ``"degrees"`` or ``"distance"``.
        low: Smallest value allowed.
        high: Largest value allowed.
        default: The value when none is given.
        source: The paper that defines it.

    Examples:
        >>> Margin("degrees", 1, 80, 45, "Wang et al. 2017").check(45, "angular")
        45.0
    """

    unit: str
    low: float
    high: float
    default: float
    source: str

    def check(self, value: object, loss: str) -> float:
        """``value`` as a float in range.

        Args:
            value: What was given as ``loss.margin``; None means the default.
            loss: The loss's name, for the message.

        Raises:
            InputError: When it is no number, or out of range; the message names unit and range.
        """
        if value is None:
            return float(self.default)
        told = f"loss.margin={value}: the margin of loss={loss} is in {self.unit}, from {self.low:g} to {self.high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{told}; give a number, such as {self.default:g}")
        if not self.low <= value <= self.high:
            raise InputError(f"{told}; its default is {self.default:g}")
        return float(value)


@dataclass(frozen=True, eq=False)
class Relations:
    """How N posters of a batch stand to M references (the batch itself, or more than it).

    A poster and itself are neither positive nor negative. Miners narrow ``positive`` and ``negative`` down, or name
    ``triplets``; losses obey whatever they find here.

    Args:
        gain: (N, M) relevance in [0, 1].
        positive: (N, M) bool.
        negative: (N, M) bool.
        genres: (N, G) multi-hot float.
        reference_genres: (M, G) multi-hot float.
        triplets: (3, T) int64 positions of anchors, positives and negatives, where a miner chose some; else None: all
            that the masks allow.
        frozen: (N, M) cosine similarities of the frozen backbone's pooled features, where the loss asked for them.
    """

    gain: Tensor
    positive: Tensor
    negative: Tensor
    genres: Tensor
    reference_genres: Tensor
    triplets: Tensor | None = None
    frozen: Tensor | None = None

    def pairs(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Anchors and positives, anchors and negatives as positions: pytorch-metric-learning's ``indices_tuple``.

        Their number depends on the data, so this waits for the device.
        """
        anchors, positives = torch.where(self.positive)
        others, negatives = torch.where(self.negative)
        return anchors, positives, others, negatives


def relate(
    genres: Tensor,
    reference_genres: Tensor,
    relevance: Callable[[Tensor, Tensor], Tensor],
    index: Tensor,
    reference_index: Tensor,
    *,
    frozen: tuple[Tensor, Tensor] | None = None,
) -> Relations:
    """The relations between a batch and its references.

    Args:
        genres: (N, G) multi-hot of the batch.
        reference_genres: (M, G) multi-hot of the references.
        relevance: Gains (N, M) in [0, 1] of two multi-hot tensors; positive from 0.5 on, negative at 0.
        index: (N,) which poster each row is.
        reference_index: (M,) the same of the references; equal numbers are one poster.
        frozen: Frozen pooled features (N, F) and (M, F), where the loss asks for their similarities.
    """
    with torch.no_grad():
        gain = relevance(genres, reference_genres)
        other = index[:, None] != reference_index[None]
        similar = None
        if frozen is not None:
            mine, theirs = (nn.functional.normalize(part.float(), dim=1) for part in frozen)
            similar = mine @ theirs.T
        return Relations(
            gain=gain,
            positive=positive_mask(gain) & other,
            negative=negative_mask(gain) & other,
            genres=genres.float(),
            reference_genres=reference_genres.float(),
            frozen=similar,
        )


class MetricLoss(nn.Module, ABC):
    """A loss on embeddings and their relations: subclass it in one file, write `compute`, and add a YAML.

    `forward` sees to what all have in common: the arithmetic is float32 (or float64 when given) also under autocast,
    and without references the batch is its own reference. `compute` must return a finite scalar that has a gradient,
    also for a batch without positives or negatives (then 0), and should not make the host wait for the device.

    Args:
        margin: In the loss's own unit; None for its default.

    Raises:
        InputError: When the margin is out of range, or given to a loss that has none.
    """

    #: What ``loss=`` calls it.
    name: ClassVar[str]
    #: What its margin means; None for a loss without one.
    margin_spec: ClassVar[Margin | None] = None
    #: Whether embeddings come L2-normalised or as the head left them.
    takes: ClassVar[Literal["normalised", "raw"]] = "normalised"
    #: Whether it compares posters with each other; only then do a miner and a memory of other batches make sense.
    pairwise: ClassVar[bool] = True
    #: Whether it asks for `Relations.frozen`.
    needs_frozen: ClassVar[bool] = False

    def __init__(self, margin: float | None = None) -> None:
        super().__init__()
        self.margin = self.check_margin(margin)

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


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of ``values`` where ``mask`` holds, 0 where it holds nowhere; both (…), the result a scalar.

    >>> masked_mean(torch.tensor([1.0, 5.0]), torch.tensor([True, False]))
    tensor(1.)
    """
    count = mask.sum().clamp(min=1)
    return torch.where(mask, values, 0).sum() / count


def _at_least_float(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
