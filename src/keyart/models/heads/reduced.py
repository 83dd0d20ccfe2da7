"""Fewer numbers a poster: a head's vectors on their leading principal components."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.models.heads.base import Head, pieces


class ReducedHead(Head):
    """Another head's whole vector, times the leading principal components of training posters.

    The components are the eigenvectors of the second moments of unit vectors, not centred: no other linear map to so
    few numbers keeps cosines as well (Eckart and Young 1936), and with all components they are the same as before.
    They are sorted by eigenvalue, so that the first k numbers of an embedding, divided by their length, are the
    embedding of size k (as in Kusupati et al. 2022, arXiv 2205.13147).

    It is put on when training is over: a loss and its checkpoints know only the head inside.

    Args:
        head: The head whose vectors are reduced.
        size: How many components are kept.

    Raises:
        InputError: ``size`` is below 1 or more than the head gives.
    """

    kind: ClassVar[str] = "reduced"
    axes: Tensor

    def __init__(self, head: Head, size: int) -> None:
        check_output_size(size, head)
        super().__init__(head.feature_dim, size)
        self.head = head
        self.register_buffer("axes", torch.eye(head.embedding_size, size))

    @property
    def condensed_dim(self) -> int:
        """See `Head`."""
        return self.head.condensed_dim

    def condense(self, features: Tensor) -> Tensor:
        """See `Head`."""
        return self.head.condense(features)

    @property
    def branch_columns(self) -> dict[str, slice]:
        """See `Head`."""
        return self.head.branch_columns

    def whole(self, condensed: Tensor) -> Tensor:
        """See `Head`."""
        return self.head.whole(condensed)

    def reduce(self, whole: Tensor) -> Tensor:
        """See `Head`."""
        return whole @ self.axes

    def forward(self, condensed: Tensor) -> Tensor:
        """See `Head`."""
        return self.reduce(self.whole(condensed))

    @property
    def part_size(self) -> int:
        """See `Head`."""
        return self.head.part_size

    def parts(self, condensed: Tensor) -> tuple[Tensor, ...]:
        """See `Head`."""
        return self.head.parts(condensed)

    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Fit the head inside; see `fit_components` for the rest."""
        self.head.fit(features, genres)

    @torch.no_grad()
    def fit_components(self, vectors: Tensor | np.ndarray) -> None:
        """Take the principal components from training posters.

        Args:
            vectors: (N, W) what `whole` makes of them.
        """
        moments = torch.zeros(len(self.axes), len(self.axes), dtype=torch.float64)
        for rows in pieces(vectors):
            rows = torch.nn.functional.normalize(rows, dim=1)
            moments += rows.T @ rows
        axes = torch.linalg.eigh(moments)[1].flip(1)[:, : self.embedding_size]
        # Of each axis' two directions always the same one.
        largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
        self.axes.copy_(axes * largest.sign())

    def describe(self) -> dict[str, Any]:
        """See `Head`."""
        return {"kind": self.kind, "head": self.head.describe(), "embedding_size": self.embedding_size}


def check_output_size(size: int, head: Head) -> None:
    """Check that a head's vectors can be reduced to ``size`` numbers.

    Raises:
        InputError: They have fewer, or ``size`` is below 1.
    """
    if not 1 <= size <= head.embedding_size:
        raise InputError(
            f"model.output_size={size}: the head gives {head.embedding_size} numbers a poster; choose from 1 to"
            f" {head.embedding_size}, or null for all of them"
        )
