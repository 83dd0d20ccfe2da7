"""A weighted sum of losses on the same batch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from keyart.errors import InputError
from keyart.losses.base import MetricLoss, Relations


class SumLoss(MetricLoss):
    """Weighted sum of losses, Σ weight · loss; terms of weight 0 are left out.

    It takes raw embeddings if any term does, and normalises them for the other terms. A miner or a memory applies to
    the terms that can use it. Each term has its own margin and schedule.

    Use it to trade goals off, such as genre (any loss) against the similarities of a teacher (``distillation``).

    Args:
        terms: The losses by name. A value may also be a mapping whose ``build`` is the loss, because
            ``conf/loss/sum.yaml`` contains each term's whole file.
        weights: Weights of 0 or more by the same names; a term without one has weight 0.
        margin: Must be None: the terms have their own.

    Raises:
        InputError: ``margin`` is not None, a weight is below 0 or names no term, or all weights are 0.

    Examples:
        >>> from keyart.losses import AngularLoss, SupConLoss
        >>> loss = SumLoss({"angular": AngularLoss(40), "supcon": SupConLoss()}, {"angular": 1, "supcon": 0.5})
        >>> loss.weights
        {'angular': 1.0, 'supcon': 0.5}
    """

    name: ClassVar[str] = "sum"

    def __init__(
        self,
        terms: Mapping[str, MetricLoss | Mapping[str, Any]],
        weights: Mapping[str, float],
        margin: float | None = None,
    ) -> None:
        super().__init__(margin)
        for term, weight in weights.items():
            if term not in terms:
                raise InputError(f"loss.weights.{term}={weight}: there is no such term; choose of {', '.join(terms)}")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
                raise InputError(f"loss.weights.{term}={weight}: a weight is a number of 0 or more")
        self.weights = {term: float(weight) for term, weight in weights.items() if weight > 0}
        if not self.weights:
            raise InputError("loss.weights: all are 0; give at least one term a weight, such as loss.weights.angular=1")
        self.terms = nn.ModuleDict({term: _loss_of(terms[term]) for term in self.weights})
        losses = self.losses()
        self.input_kind = "raw" if any(loss.input_kind == "raw" for loss in losses.values()) else "normalised"
        self.supports_memory = any(loss.supports_memory for loss in losses.values())
        self.supports_miner = any(loss.supports_miner for loss in losses.values())
        reasons = [f"{loss.title()} {loss.no_references}" for loss in losses.values() if loss.no_references is not None]
        self.no_references = reasons[0] if reasons else None
        self.needs_frozen_features = any(loss.needs_frozen_features for loss in losses.values())

    def losses(self) -> dict[str, MetricLoss]:
        """Return the terms that have a weight above 0."""
        return {name: term for name, term in self.terms.items() if isinstance(term, MetricLoss)}

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Build each term."""
        for loss in self.losses().values():
            loss.build(embedding_size, genre_counts, num_train)

    def set_step(self, step: int, steps: int) -> None:
        """Set each term's margin to its scheduled value for a step."""
        for loss in self.losses().values():
            loss.set_step(step, steps)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of raw or unit vectors, as `input_kind` specifies; see the class."""
        unit, unit_ref_emb = embeddings, ref_emb
        if self.input_kind == "raw":
            unit = nn.functional.normalize(embeddings, dim=1)
            unit_ref_emb = unit if ref_emb is embeddings else nn.functional.normalize(ref_emb, dim=1)
        total = embeddings.new_zeros(())
        for term, loss in self.losses().items():
            pair = (embeddings, ref_emb) if loss.input_kind == "raw" else (unit, unit_ref_emb)
            total = total + self.weights[term] * loss.compute(*pair, relations)
        return total


def _loss_of(term: MetricLoss | Mapping[str, Any]) -> MetricLoss:
    loss = term if isinstance(term, MetricLoss) else term["build"]
    if not isinstance(loss, MetricLoss):
        raise TypeError(f"a term of SumLoss is a MetricLoss, not {type(loss).__name__}")
    return loss
