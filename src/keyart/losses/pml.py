"""Losses of pytorch-metric-learning (PML) on items with several labels: relevance chooses their pairs.

PML is the extra ``[pml]``. It is imported when a loss is built, never before.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from keyart.catalogue.relevance import Relevance, RelevanceKind
from keyart.errors import InputError
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule

_SOURCE = "pytorch-metric-learning"
# Cosines beyond it are those of one direction, or of opposite ones.
_ALMOST_ONE = 1 - 1e-6


@dataclass(frozen=True)
class PMLClass:
    """What a loss of PML needs to know of its pairs and its margin.

    Args:
        indices: Whether its formula is over pairs or over triplets.
        argument: What it calls the argument that ``loss.margin`` sets; None for a loss without a margin.
        margin: Unit, range and default of that argument.
        no_references: Why it cannot compare a batch with more embeddings than its own; None where it can.
        bounded: Whether it breaks at cosines of exactly 1 or −1, so that they are bounded just short of these.
    """

    indices: Literal["pairs", "triplets"] = "pairs"
    argument: str | None = None
    margin: Margin | None = None
    no_references: str | None = None
    bounded: bool = False


def _with_margin(argument: str, unit: str, low: float, high: float, default: float, **more: Any) -> PMLClass:
    return PMLClass(argument=argument, margin=Margin(unit, low, high, default, _SOURCE), **more)


#: The losses that work from the indices of pairs or triplets alone, without labels.
SUPPORTED: dict[str, PMLClass] = {
    "CircleLoss": _with_margin("m", "cosine similarity", 0, 1, 0.4),
    "ContrastiveLoss": _with_margin("neg_margin", "distance", 0, 2, 1),
    "GeneralizedLiftedStructureLoss": _with_margin("neg_margin", "distance", 0, 2, 1),
    "HistogramLoss": PMLClass(
        "triplets", no_references="estimates the similarities within one batch alone", bounded=True
    ),
    "IntraPairVarianceLoss": PMLClass(),
    "LiftedStructureLoss": _with_margin(
        "neg_margin", "distance", 0, 2, 1, no_references="takes a reference's position for one in the batch"
    ),
    "MarginLoss": _with_margin("margin", "distance", 0, 2, 0.2, indices="triplets"),
    "MultiSimilarityLoss": _with_margin("base", "cosine similarity", -1, 1, 0.5),
    "NTXentLoss": PMLClass(),
    "SignalToNoiseRatioContrastiveLoss": _with_margin("neg_margin", "ratio of variances", 0, 4, 1),
    "SupConLoss": PMLClass(),
    "ThresholdConsistentMarginLoss": _with_margin(
        "margin_minus", "cosine similarity", -1, 1, 0.5, no_references="looks for both items of a pair in the batch"
    ),
    "TripletMarginLoss": _with_margin("margin", "distance", 0, 2, 0.05, indices="triplets"),
    "TupletMarginLoss": _with_margin("margin", "degrees", 0, 90, 5.73, bounded=True),
}

_LABELS = "compares class labels itself, whatever pairs it is given"
_ONE_CLASS = "learns a direction for each class and needs exactly one class per item"
_BASE = "is a base class, not a loss"

#: The others, with the reason.
REFUSED: dict[str, str] = {
    "AngularLoss": f"{_LABELS}; take loss=angular",
    "ArcFaceLoss": f"{_ONE_CLASS}; take loss=arcface",
    "BaseLossWrapper": _BASE,
    "BaseMetricLossFunction": _BASE,
    "CosFaceLoss": f"{_ONE_CLASS}; take loss=cosface",
    "CrossBatchMemory": "compares class labels in its queue; take memory.size, or pass ref_emb and ref_labels",
    "DynamicSoftMarginLoss": "ignores the pairs when it has no labels, and fails at its second training step",
    "EmbeddingRegularizerMixin": _BASE,
    "FastAPLoss": f"{_LABELS}; take loss=smooth_ap",
    "GenericPairLoss": _BASE,
    "InstanceLoss": _ONE_CLASS,
    "LargeMarginSoftmaxLoss": f"{_ONE_CLASS}; take loss=arcface",
    "ManifoldLoss": "takes no pairs: its indices_tuple assigns items to proxies",
    "MultipleLosses": "holds several losses; wrap each by from_pml and add them by loss=sum",
    "NCALoss": f"{_LABELS}; take loss=supcon",
    "NPairsLoss": f"{_LABELS}; take loss=n_pair",
    "NormalizedSoftmaxLoss": f"{_ONE_CLASS}; take loss=cosface",
    "P2SGradLoss": _ONE_CLASS,
    "PNPLoss": f"{_LABELS}; take loss=smooth_ap",
    "ProxyAnchorLoss": f"{_ONE_CLASS}; take loss=proxy_anchor",
    "ProxyNCALoss": f"{_ONE_CLASS}; take loss=proxy_nca",
    "RankedListLoss": f"{_LABELS}; take loss=ranked_list",
    "SelfSupervisedLoss": "needs two views of each item instead of labels",
    "SmoothAPLoss": f"{_LABELS}; take loss=smooth_ap",
    "SoftTripleLoss": _ONE_CLASS,
    "SphereFaceLoss": f"{_ONE_CLASS}; take loss=arcface",
    "SubCenterArcFaceLoss": f"{_ONE_CLASS}; take loss=arcface",
    "VICRegLoss": "needs two views of each item and takes no pairs",
    "WeightRegularizerMixin": _BASE,
}


def import_pml(part: str, key: str) -> ModuleType:
    """Import a part of PML.

    Args:
        part: Such as ``losses``.
        key: What needs it, for the message.

    Raises:
        InputError: PML is not installed.
    """
    try:
        return import_module(f"pytorch_metric_learning.{part}")
    except ModuleNotFoundError:
        raise InputError(f"{key}: pytorch-metric-learning is not installed; pip install -e '.[pml]'") from None


def find_class(name: object, supported: Mapping[str, Any], refused: Mapping[str, str], key: str) -> str:
    """Return the name of a class that can be used.

    Raises:
        InputError: It is refused, unknown or missing; the line gives the reason.
    """
    if isinstance(name, str) and name in supported:
        return name
    if isinstance(name, str) and name in refused:
        raise InputError(f"{key}.class={name}: cannot be used: it {refused[name]}")
    near = get_close_matches(str(name), list(supported), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    shown = "null" if name is None else name
    raise InputError(f"{key}.class={shown}: takes one of {', '.join(supported)}{hint}")


def build_object(part: str, name: str, arguments: Mapping[str, Any], key: str, fixed: str | None = None) -> Any:
    """Build an object of one of PML's classes from plain values.

    Args:
        part: The class's module, such as ``losses``.
        name: The class.
        arguments: By their names.
        key: The configuration's key, such as ``loss``.
        fixed: An argument that ``loss.margin`` sets and ``arguments`` must not.

    Raises:
        InputError: An argument is unknown, takes an object, or its value is refused by the class.
    """
    cls = getattr(import_pml(part, f"{key}=pml"), name, None)
    if cls is None:
        raise InputError(f"{key}.class={name}: the installed pytorch-metric-learning does not have it; upgrade it")
    known = [argument for argument in _argument_names(cls) if argument != fixed]
    for argument, value in arguments.items():
        if argument == fixed:
            raise InputError(f"{key}.args.{argument}={value}: it is {name}'s margin; set {key}.margin={value} instead")
        if argument not in known:
            raise InputError(f"{key}.args.{argument}={value}: {name} takes {', '.join(known) or 'no arguments'}")
    try:
        return cls(**arguments)
    except Exception as error:
        raise refusal(f"{key}.args", name, arguments, error) from error


def refusal(key: str, name: str, arguments: Mapping[str, Any], error: Exception) -> InputError:
    """Turn what a class of PML raised into one line."""
    given = ", ".join(f"{argument}: {value}" for argument, value in arguments.items())
    return InputError(f"{key}={{{given}}}: {name} refuses it ({type(error).__name__}: {error})")


# They take objects, which a configuration does not hold, or labels; `collect_stats` makes the host wait.
_NOT_PLAIN = ("distance", "reducer", "embedding_regularizer", "embedding_reg_weight", "collect_stats", "mat_based_loss")
_NEED_LABELS = ("num_classes", "triplets_per_anchor")


def _argument_names(cls: type) -> list[str]:
    """The arguments of a class and its bases that take plain values and work without labels."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if base.__module__.startswith("pytorch_metric_learning") and "__init__" in vars(base):
            for name, parameter in inspect.signature(base).parameters.items():
                if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                    names.setdefault(name)
    return [name for name in names if name not in (*_NOT_PLAIN, *_NEED_LABELS)]


class PMLLoss(MetricLoss):
    """A loss of pytorch-metric-learning over the pairs or triplets that relevance and a miner choose.

    PML's class computes the value; keyart hands it the indices: anchors with their positives (gain ≥ 0.5) and their
    negatives (gain 0). On single labels, where every other item is one or the other, value and gradient are those that
    PML itself gives for ``(embeddings, labels)``. Triplets that a miner chose are handed on as they are.

    A loss over triplets lists them all, unless a miner chooses some: memory grows with their number.

    Args:
        class_name: One of `SUPPORTED`.
        margin: In the class's own unit; None for its own default.
        margin_schedule: How the margin grows during training; None for a constant one.
        args: The class's other arguments by name, plain values alone; for others see `from_pml`.

    Raises:
        InputError: PML is not installed, the class is refused, or an argument or the margin does not fit it.
    """

    name: ClassVar[str] = "pml"
    takes = "raw"  # PML normalises by itself, and its regularizers look at lengths

    def __init__(
        self,
        class_name: str | None = None,
        margin: float | None = None,
        margin_schedule: Schedule = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        self.class_name = find_class(class_name, SUPPORTED, REFUSED, "loss")
        self.about = SUPPORTED[self.class_name]
        super().__init__(margin, margin_schedule)
        arguments = dict(args or {})
        self._adopt(build_object("losses", self.class_name, arguments, "loss", self.about.argument))
        try:
            self._set_margin()
            self._try_out()
        except Exception as error:
            raise refusal("loss.args", self.class_name, arguments, error) from error

    @classmethod
    def of(cls, loss: nn.Module) -> "PMLLoss":
        """Wrap a loss that exists, margin and all; see `from_pml`."""
        made = cls.__new__(cls)
        made.class_name = type(loss).__name__
        made.about = PMLClass()
        MetricLoss.__init__(made)
        made.about = _about(loss)
        made._adopt(loss)
        return made

    def _adopt(self, loss: Any) -> None:
        """Take a loss of PML in."""
        self.loss = loss
        #: Chooses among the pairs before the loss sees them; None for all.
        self.miner: Callable[[Tensor, Relations, Tensor | None], Relations] | None = None
        self.no_references = self.about.no_references
        if getattr(loss, "swap", False):
            self.no_references = "with swap=true needs the distances between references"
        if self.about.bounded:
            loss.distance.register_forward_hook(_bound_cosines)

    def own_margin_spec(self) -> Margin | None:
        """What the class's margin means."""
        return self.about.margin

    def title(self) -> str:
        """How messages name it."""
        return f"{self.name} loss.class={self.class_name}"

    def to_step(self, step: int, steps: int) -> None:
        """Set the margin to what its schedule has for a step."""
        super().to_step(step, steps)
        self._set_margin()

    def _set_margin(self) -> None:
        """Hand the margin on to PML's loss."""
        if self.margin is None or self.about.argument is None:
            return
        if self.class_name == "TupletMarginLoss":
            self.loss.margin = math.radians(self.margin)
            return
        setattr(self.loss, self.about.argument, self.margin)
        if self.class_name == "CircleLoss":
            self.loss.op, self.loss.on = 1 + self.margin, -self.margin
            self.loss.delta_p, self.loss.delta_n = 1 - self.margin, self.margin

    @torch.no_grad()
    def _try_out(self) -> None:
        """Compute the loss of six items once: wrong values that a constructor lets pass fail here."""
        with torch.random.fork_rng(devices=[]):
            rows = torch.randn(6, 4)
        self(rows, torch.tensor([0, 0, 0, 1, 1, 1]))

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are raw vectors."""
        own = references is rows
        if not own and self.no_references is not None:
            raise InputError(f"loss={self.title()}: {self.no_references}, so it takes no references")
        others = None if own else references
        if self.miner is not None:
            relations = self.miner(rows, relations, others)
        if relations.triplets is not None:
            indices = tuple(relations.triplets)
        elif self.about.indices == "pairs":
            indices = relations.pairs()
        else:
            indices = list_triplets(relations)
        loss: Tensor = self.loss(rows, indices_tuple=indices, ref_emb=others)
        return loss.reshape(())

    def extra_repr(self) -> str:
        """Nothing: PML's own module is printed."""
        return ""


def list_triplets(relations: Relations) -> tuple[Tensor, Tensor, Tensor]:
    """List every triplet that the masks allow: anchors, positives and negatives, each (T,) int64, in rising order."""
    anchors, positives = torch.where(relations.positive)
    _, negatives = torch.where(relations.negative)
    count = relations.negative.sum(dim=1)
    # The k-th triplet of a pair takes the k-th negative of its anchor.
    pair = torch.arange(len(anchors), device=anchors.device).repeat_interleave(count[anchors])
    first = count[anchors].cumsum(dim=0) - count[anchors]
    place = torch.arange(len(pair), device=anchors.device) - first[pair]
    start = (count.cumsum(dim=0) - count)[anchors[pair]]
    return anchors[pair], positives[pair], negatives[start + place]


def _bound_cosines(module: nn.Module, inputs: Any, cosines: Tensor) -> Tensor:
    return cosines.clamp(-_ALMOST_ONE, _ALMOST_ONE)


def _about(loss: object) -> PMLClass:
    """What a built loss needs.

    Raises:
        InputError: It is no loss of PML, or one that cannot work without labels.
    """
    losses = import_pml("losses", "from_pml")
    names = [cls.__name__ for cls in type(loss).__mro__]
    if not isinstance(loss, losses.BaseMetricLossFunction | losses.BaseLossWrapper | losses.MultipleLosses):
        raise InputError(f"from_pml: takes a loss of pytorch-metric-learning, not {names[0]}")
    known = next((name for name in names if name in SUPPORTED or name in REFUSED), names[0])
    if known in REFUSED and (known != "GenericPairLoss" or names[0] == known):
        raise InputError(f"from_pml: {names[0]} cannot be used: it {REFUSED[known]}")
    if getattr(loss, "triplets_per_anchor", "all") != "all":
        raise InputError(f"from_pml: {names[0]}(triplets_per_anchor=…) draws triplets by class labels; give a miner")
    beta = getattr(loss, "beta", None)
    if isinstance(beta, Tensor) and len(beta) > 1:
        raise InputError(f"from_pml: {names[0]}(num_classes=…) needs exactly one class per item; leave it out")
    for module in loss.modules():
        if type(module).__name__ in ("ClassWeightedReducer", "DoNothingReducer"):
            raise InputError(f"from_pml: {names[0]} with {type(module).__name__} cannot be used; take another reducer")
    # A subclass of GenericPairLoss takes pairs, whatever its formula.
    return SUPPORTED.get(known, PMLClass())


def from_pml(
    pml_loss: nn.Module,
    miner: nn.Module | None = None,
    relevance: RelevanceKind | Callable[[Tensor, Tensor], Tensor] = "jaccard",
) -> MetricLoss:
    """Let a loss of pytorch-metric-learning learn from items with several labels.

    Pairs are chosen by relevance: positive with a gain of at least 0.5, negative with gain 0, and neither in between.
    On single labels the value and the gradient are PML's own.

    Args:
        pml_loss: Any of PML's losses that works from ``indices_tuple``: see `SUPPORTED`.
        miner: One of PML's miners, which then chooses among these pairs; None for all.
        relevance: A kind of `Relevance` that needs no weights, or any function that returns gains (N, M) in [0, 1] of
            two multi-hot tensors (N, G) and (M, G).

    Returns:
        A loss to call as ``loss(embeddings, labels, ref_emb=None, ref_labels=None)``, labels (N,) or multi-hot (N, G).

    Raises:
        InputError: The loss or the miner compares labels itself; the line gives the reason.

    Examples:
        >>> import pytest
        >>> pml = pytest.importorskip("pytorch_metric_learning")
        >>> from pytorch_metric_learning.losses import TripletMarginLoss
        >>> loss = from_pml(TripletMarginLoss(margin=0.2))
        >>> labels = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]])
        >>> loss(torch.eye(3), labels)
        tensor(0.2000)
    """
    from keyart.losses.miners.pml import PMLMiner

    wrapped = PMLLoss.of(pml_loss)
    if miner is not None:
        wrapped.miner = PMLMiner.of(miner)
    wrapped.relevance = Relevance(relevance) if isinstance(relevance, str) else relevance
    return wrapped
