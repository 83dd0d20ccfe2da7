"""Losses of pytorch-metric-learning (PML) for items with several labels; relevance defines their pairs.

PML is the extra ``[pml]``. It is imported only when a loss is built.
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

from keyart.errors import InputError
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.relations import AnyRelevance, to_relevance
from keyart.utils.own_random import own_random_numbers

_SOURCE = "pytorch-metric-learning"
# Limit for the absolute value of cosines; larger ones belong to equal or opposite directions.
_ALMOST_ONE = 1 - 1e-6


@dataclass(frozen=True)
class PMLClass:
    """Properties of a loss class of PML: its indices and its margin.

    Args:
        indices: Whether its formula uses pairs or triplets.
        argument: Name of its argument that ``loss.margin`` sets; None for a loss without a margin.
        margin: Unit, range and default of that argument.
        no_references: The reason why it cannot compare a batch with other embeddings; None if it can.
        bounded: Whether cosines must be limited to just below 1 and just above −1, because it fails at exactly ±1.
    """

    indices: Literal["pairs", "triplets"] = "pairs"
    argument: str | None = None
    margin: Margin | None = None
    no_references: str | None = None
    bounded: bool = False


def _with_margin(argument: str, unit: str, low: float, high: float, default: float, **more: Any) -> PMLClass:
    return PMLClass(argument=argument, margin=Margin(unit, low, high, default, _SOURCE), **more)


#: The supported losses: they need only the indices of pairs or triplets, not labels.
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

_LABELS = "compares class labels itself, whatever pairs it receives"
_ONE_CLASS = "learns a direction for each class and needs exactly one class per item"
_BASE = "is a base class, not a loss"

#: The unsupported losses, with the reason.
UNSUPPORTED: dict[str, str] = {
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
    """Import a module of PML.

    Args:
        part: Name of the module, such as ``losses``.
        key: The configuration key that needs it, for the message.

    Raises:
        InputError: PML is not installed.
    """
    try:
        return import_module(f"pytorch_metric_learning.{part}")
    except ModuleNotFoundError:
        raise InputError(f"{key}: pytorch-metric-learning is not installed; pip install -e '.[pml]'") from None


def find_class(name: object, supported: Mapping[str, Any], refused: Mapping[str, str], key: str) -> str:
    """Check that a class of PML is supported, and return its name.

    Raises:
        InputError: It is unsupported, unknown or missing; the message gives the reason.
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
        arguments: The arguments by name.
        key: The configuration's key, such as ``loss``.
        fixed: An argument that ``loss.margin`` sets, so that it must not be in ``arguments``.

    Raises:
        InputError: An argument is unknown or needs an object, or the class rejects its value.
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
    """Convert an exception of a PML class to an `InputError` with a one-line message."""
    given = ", ".join(f"{argument}: {value}" for argument, value in arguments.items())
    return InputError(f"{key}={{{given}}}: {name} refuses it ({type(error).__name__}: {error})")


# These need objects, which a configuration cannot contain, or labels; `collect_stats` makes the host wait.
_NOT_PLAIN = ("distance", "reducer", "embedding_regularizer", "embedding_reg_weight", "collect_stats", "mat_based_loss")
_NEED_LABELS = ("num_classes", "triplets_per_anchor")


def _argument_names(cls: type) -> list[str]:
    """Return the arguments of a class and its bases that accept plain values and need no labels."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if base.__module__.startswith("pytorch_metric_learning") and "__init__" in vars(base):
            for name, parameter in inspect.signature(base).parameters.items():
                if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                    names.setdefault(name)
    return [name for name in names if name not in (*_NOT_PLAIN, *_NEED_LABELS)]


class PMLLoss(MetricLoss):
    """Wrapper of a loss of pytorch-metric-learning; relevance and a miner select its pairs or triplets.

    PML's class computes the value from the indices that keyart provides: anchors with their positives (gain ≥ 0.5) and
    negatives (gain 0). On single labels, where every other item is positive or negative, value and gradient equal those
    of PML for ``(embeddings, labels)``. Triplets that a miner selects are passed on unchanged.

    A loss over triplets lists all triplets, unless a miner selects some; memory grows with their number.

    Args:
        class_name: One of `SUPPORTED`.
        margin: The margin in the class's own unit; None for its default.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        args: The class's other arguments by name; plain values only. For other values see `from_pml`.

    Raises:
        InputError: PML is not installed, the class is not supported, or an argument or the margin is invalid.
    """

    name: ClassVar[str] = "pml"
    input_kind = "raw"  # PML normalises by itself, and its regularizers use the norms

    def __init__(
        self,
        class_name: str | None = None,
        margin: float | None = None,
        margin_schedule: Schedule = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        self.class_name = find_class(class_name, SUPPORTED, UNSUPPORTED, "loss")
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
    def from_config(cls, loss: nn.Module) -> "PMLLoss":
        """Wrap an existing loss object, including its margin; see `from_pml`."""
        created = cls.__new__(cls)
        created.class_name = type(loss).__name__
        created.about = PMLClass()
        MetricLoss.__init__(created)
        created.about = _about(loss)
        created._adopt(loss)
        return created

    def _adopt(self, loss: Any) -> None:
        """Store a loss of PML and its properties."""
        self.loss = loss
        #: Selects pairs or triplets before the loss is computed; None for all.
        self.miner: Callable[[Tensor, Relations, Tensor | None], Relations] | None = None
        self.no_references = self.about.no_references
        if getattr(loss, "swap", False):
            self.no_references = "with swap=true needs the distances between references"
        if self.about.bounded:
            loss.distance.register_forward_hook(_bound_cosines)

    def own_margin_spec(self) -> Margin | None:
        """Return the margin specification of the wrapped class."""
        return self.about.margin

    def title(self) -> str:
        """Return the loss's name for messages."""
        return f"{self.name} loss.class={self.class_name}"

    def set_step(self, step: int, steps: int) -> None:
        """Set the margin to its scheduled value for a step."""
        super().set_step(step, steps)
        self._set_margin()

    def _set_margin(self) -> None:
        """Set the margin of PML's loss."""
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
        """Compute the loss of six items once, so that invalid arguments that the constructor accepts fail here."""
        with own_random_numbers():
            rows = torch.randn(6, 4)
        self(rows, torch.tensor([0, 0, 0, 1, 1, 1]))

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of raw vectors ``embeddings`` and ``ref_emb``; see the class."""
        own = ref_emb is embeddings
        if not own and self.no_references is not None:
            raise InputError(f"loss={self.title()}: {self.no_references}, so it takes no references")
        others = None if own else ref_emb
        if self.miner is not None:
            relations = self.miner(embeddings, relations, others)
        if relations.triplets is not None:
            indices = tuple(relations.triplets)
        elif self.about.indices == "pairs":
            indices = relations.pml_indices()
        else:
            indices = list_triplets(relations)
        loss: Tensor = self.loss(embeddings, indices_tuple=indices, ref_emb=others)
        return loss.reshape(())

    def extra_repr(self) -> str:
        """Return an empty string: PML's own module is printed."""
        return ""


def list_triplets(relations: Relations) -> tuple[Tensor, Tensor, Tensor]:
    """List all triplets that the masks allow: anchors, positives and negatives, each (T,) int64, in ascending order."""
    anchors, positives = torch.where(relations.positive)
    _, negatives = torch.where(relations.negative)
    count = relations.negative.sum(dim=1)
    # The k-th triplet of a pair uses the k-th negative of its anchor.
    pair = torch.arange(len(anchors), device=anchors.device).repeat_interleave(count[anchors])
    first = count[anchors].cumsum(dim=0) - count[anchors]
    place = torch.arange(len(pair), device=anchors.device) - first[pair]
    start = (count.cumsum(dim=0) - count)[anchors[pair]]
    return anchors[pair], positives[pair], negatives[start + place]


def _bound_cosines(module: nn.Module, inputs: Any, cosines: Tensor) -> Tensor:
    return cosines.clamp(-_ALMOST_ONE, _ALMOST_ONE)


def _about(loss: object) -> PMLClass:
    """Return the properties of a built loss of PML.

    Raises:
        InputError: It is not a loss of PML, or it needs labels.
    """
    losses = import_pml("losses", "from_pml")
    names = [cls.__name__ for cls in type(loss).__mro__]
    if not isinstance(loss, losses.BaseMetricLossFunction | losses.BaseLossWrapper | losses.MultipleLosses):
        raise InputError(f"from_pml: takes a loss of pytorch-metric-learning, not {names[0]}")
    known = next((name for name in names if name in SUPPORTED or name in UNSUPPORTED), names[0])
    if known in UNSUPPORTED and (known != "GenericPairLoss" or names[0] == known):
        raise InputError(f"from_pml: {names[0]} cannot be used: it {UNSUPPORTED[known]}")
    if getattr(loss, "triplets_per_anchor", "all") != "all":
        raise InputError(f"from_pml: {names[0]}(triplets_per_anchor=…) draws triplets by class labels; give a miner")
    beta = getattr(loss, "beta", None)
    if isinstance(beta, Tensor) and len(beta) > 1:
        raise InputError(f"from_pml: {names[0]}(num_classes=…) needs exactly one class per item; leave it out")
    for module in loss.modules():
        if type(module).__name__ in ("ClassWeightedReducer", "DoNothingReducer"):
            raise InputError(f"from_pml: {names[0]} with {type(module).__name__} cannot be used; take another reducer")
    # A subclass of GenericPairLoss uses pairs, whatever its formula is.
    return SUPPORTED.get(known, PMLClass())


def from_pml(
    pml_loss: nn.Module,
    miner: nn.Module | None = None,
    relevance: AnyRelevance = "jaccard",
) -> MetricLoss:
    """Wrap a loss of pytorch-metric-learning for items with several labels.

    Relevance defines the pairs: positive with a gain of at least 0.5, negative with gain 0, and neither in between. On
    single labels the value and the gradient equal PML's.

    Args:
        pml_loss: A loss of PML that works from ``indices_tuple``: see `SUPPORTED`.
        miner: A miner of PML that selects among these pairs; None for all.
        relevance: A kind of `Relevance` that needs no weights, or any function that returns gains (N, M) in [0, 1] of
            two multi-hot tensors (N, G) and (M, G).

    Returns:
        A loss with the call ``loss(embeddings, labels, ref_emb=None, ref_labels=None)``; labels are (N,) or multi-hot
        (N, G).

    Raises:
        InputError: The loss or the miner compares labels itself; the message gives the reason.

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

    wrapped = PMLLoss.from_config(pml_loss)
    if miner is not None:
        wrapped.miner = PMLMiner.from_config(miner)
    wrapped.relevance = to_relevance(relevance)
    return wrapped
