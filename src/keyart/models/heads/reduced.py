"""A head that reduces the vectors of another head to their leading principal components."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.models.heads.base import Head, pieces
from keyart.models.heads.registry import build_head_from_description


class ReducedHead(Head):
    """Projection of another head's output onto the leading principal components of training posters.

    The components are the eigenvectors of the second moments of unit vectors, not centred. No other linear map to the
    same number of columns keeps cosines as well (Eckart and Young 1936); with all components, cosines do not change.
    The components are sorted by eigenvalue, so the first k numbers of an embedding, divided by their length, are the
    embedding of size k (as in Kusupati et al. 2022, arXiv 2205.13147).

    It is added after training: the loss and the checkpoints use only the inner head.

    Args:
        head: The head whose vectors are reduced.
        size: Number of components to keep.

    Raises:
        InputError: ``size`` is below 1, or larger than the width of the head's vectors.
    """

    kind: ClassVar[str] = "reduced"
    axes: Tensor

    def __init__(self, head: Head, size: int) -> None:
        check_output_size(size, head)
        super().__init__(head.feature_dim, size)
        self.head = head
        self.register_buffer("axes", torch.eye(head.embedding_size, size))

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "ReducedHead":
        """Rebuild the head and its inner head; see `Head`."""
        return cls(build_head_from_description(description["head"]), description["embedding_size"])

    @property
    def transformed_dim(self) -> int:
        """Return the inner head's `transformed_dim`; see `Head`."""
        return self.head.transformed_dim

    def transform(self, features: Tensor) -> Tensor:
        """Transform features by the inner head; see `Head`."""
        return self.head.transform(features)

    @property
    def branch_columns(self) -> dict[str, slice]:
        """Return the inner head's branches; see `Head`."""
        return self.head.branch_columns

    def whole(self, transformed: Tensor) -> Tensor:
        """Return the inner head's vectors before the reduction; see `Head`."""
        return self.head.whole(transformed)

    def reduce(self, whole: Tensor) -> Tensor:
        """Project onto the principal components; see `Head`."""
        return whole @ self.axes

    def forward(self, transformed: Tensor) -> Tensor:
        """Return the reduced vectors; see `Head`."""
        return self.reduce(self.whole(transformed))

    @property
    def branch_size(self) -> int:
        """Return the inner head's `branch_size`; see `Head`."""
        return self.head.branch_size

    def branches(self, transformed: Tensor) -> tuple[Tensor, ...]:
        """Return the inner head's `branches`; see `Head`."""
        return self.head.branches(transformed)

    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Fit the inner head; `fit_components` fits the components."""
        self.head.fit(features, genres)

    @torch.no_grad()
    def fit_components(self, vectors: Tensor | np.ndarray) -> None:
        """Fit the principal components to training posters.

        Args:
            vectors: (N, W) the output of `whole` for these posters.
        """
        moments = torch.zeros(len(self.axes), len(self.axes), dtype=torch.float64)
        for rows in pieces(vectors):
            rows = torch.nn.functional.normalize(rows, dim=1)
            moments += rows.T @ rows
        axes = torch.linalg.eigh(moments)[1].flip(1)[:, : self.embedding_size]
        # An axis has two directions; always choose the same one.
        largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
        self.axes.copy_(axes * largest.sign())

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild the head; see `Head`."""
        return {"kind": self.kind, "head": self.head.describe(), "embedding_size": self.embedding_size}


def check_output_size(size: int, head: Head) -> None:
    """Check that a head's vectors can be reduced to ``size`` numbers.

    Raises:
        InputError: ``size`` is below 1, or larger than the width of the vectors.
    """
    if not 1 <= size <= head.embedding_size:
        raise InputError(
            f"model.output_size={size}: the head gives {head.embedding_size} numbers a poster; choose from 1 to"
            f" {head.embedding_size}, or null for all of them"
        )
