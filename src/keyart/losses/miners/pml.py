"""Miners of pytorch-metric-learning (PML) for items with several labels; relevance defines their pairs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner
from keyart.losses.pml import build_object, find_class, import_pml, refusal
from keyart.losses.relations import compute_label_relations
from keyart.utils.own_random import own_random_numbers

#: The supported miners.
SUPPORTED: tuple[str, ...] = (
    "AngularMiner",
    "BatchEasyHardMiner",
    "BatchHardMiner",
    "DistanceWeightedMiner",
    "HDCMiner",
    "MultiSimilarityMiner",
    "PairMarginMiner",
    "TripletMarginMiner",
)

#: The unsupported miners, with the reason.
UNSUPPORTED: dict[str, str] = {
    "BaseMiner": "is a base class, not a miner",
    "EmbeddingsAlreadyPackagedAsTriplets": "takes every three rows for a triplet, whatever their labels",
    "UniformHistogramMiner": "compares class labels of the whole batch at once and takes no pairs",
}


class PMLMiner(Miner):
    """Wrapper of a miner of pytorch-metric-learning, which selects among the pairs defined by relevance.

    PML's miners compare class labels. For one anchor, relevance defines such labels: one class for its positives,
    another for its negatives. So PML's miner is called once per anchor, with its positives and negatives as references;
    items that are neither are left out. HDCMiner selects among the pairs of all anchors, so it gets them through its
    own ``set_idx_externally``. On single labels the result equals that of PML's miner, with one exception:
    DistanceWeightedMiner draws as many triplets as an anchor has positives; within a batch PML draws one more.

    One call per anchor takes time: about 0.15 s for a batch of 128 on one CPU core. keyart's own miners of the same
    kind (`HardMiner`, `SemiHardMiner`, `MultiSimilarityMiner` …) take a few milliseconds.

    Args:
        class_name: One of `SUPPORTED`.
        args: The class's arguments by name; plain values only.

    Raises:
        InputError: PML is not installed, the class is not supported, or an argument is invalid.
    """

    name: ClassVar[str] = "pml"
    input_kind = "raw"  # PML's miners normalise by themselves, except for AngularMiner

    def __init__(self, class_name: str | None = None, args: Mapping[str, Any] | None = None) -> None:
        name = find_class(class_name, dict.fromkeys(SUPPORTED), UNSUPPORTED, "miner")
        arguments = dict(args or {})
        self.miner = build_object("miners", name, arguments, "miner")
        try:
            self._try_out()
        except Exception as error:
            raise refusal("miner.args", name, arguments, error) from error

    @classmethod
    def from_config(cls, miner: Any) -> "PMLMiner":
        """Wrap an existing miner object.

        Raises:
            InputError: The object is not a miner of PML, or its class is not supported.
        """
        names = [base.__name__ for base in type(miner).__mro__]
        if not isinstance(miner, import_pml("miners", "from_pml").BaseMiner):
            raise InputError(f"from_pml: miner takes a miner of pytorch-metric-learning, not {names[0]}")
        known = next(name for name in names if name in SUPPORTED or name in UNSUPPORTED)
        if known in UNSUPPORTED:
            raise InputError(f"from_pml: miner {names[0]} cannot be used: it {UNSUPPORTED[known]}")
        created = cls.__new__(cls)
        created.miner = miner
        return created

    def _try_out(self) -> None:
        """Mine six items once, so that invalid arguments that the constructor accepts fail here."""
        with own_random_numbers():
            rows = torch.randn(6, 4)
            self(rows, compute_label_relations(torch.tensor([0, 0, 0, 1, 1, 1]), 6, Relevance("exact")))

    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Choose pairs or triplets; see the class."""
        if hasattr(self.miner, "set_idx_externally"):
            self.miner.set_idx_externally(relations.pml_indices(), None)
            labels = (
                torch.zeros(len(embeddings), device=embeddings.device),
                torch.zeros(len(ref_emb), device=embeddings.device),
            )
            found = [self.miner(embeddings, labels[0], ref_emb, labels[1])]
        else:
            found = [self._of_anchor(anchor, embeddings, ref_emb, relations) for anchor in range(len(embeddings))]
        found = [indices for indices in found if indices is not None]
        if not found:
            nothing = torch.zeros_like(relations.positive)
            return replace(relations, positive=nothing, negative=nothing, triplets=None)
        indices = [torch.cat(parts) for parts in zip(*found, strict=True)]
        return relations.narrowed_to(tuple(indices))

    def _of_anchor(self, anchor: int, rows: Tensor, ref_emb: Tensor, relations: Relations) -> tuple[Tensor, ...] | None:
        """Return the miner's selection for one anchor as row and reference positions; None if there are no pairs."""
        positive = relations.positive[anchor]
        shown = torch.where(positive | relations.negative[anchor])[0]
        if len(shown) == 0:
            return None
        label = torch.ones(1, dtype=torch.int64, device=rows.device)
        found = self.miner(rows[anchor : anchor + 1], label, ref_emb[shown], positive[shown].long())
        # Anchors are at even positions, references at odd ones; a triplet has one anchor.
        others = {1, 2} if len(found) == 3 else {1, 3}
        return tuple(
            shown[indices] if place in others else torch.full_like(indices, anchor)
            for place, indices in enumerate(found)
        )
