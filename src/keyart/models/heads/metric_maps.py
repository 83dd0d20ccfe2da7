"""Linear maps of kernel features, trained by a metric loss."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from keyart.catalogue.relevance import RelevanceKind
from keyart.errors import InputError
from keyart.models.heads.base import Head, share
from keyart.models.heads.dropout import byte_dropout
from keyart.models.heads.kernel import relevance_coordinates
from keyart.models.heads.kernel_map import KernelMap

#: Standard deviation of an unstarted map's initial weights, in units of 1 / √inputs. It is small so that the steps that
#: suit the started maps turn the others quickly: only the direction of their vectors matters to most losses.
INITIAL = 0.15


class MetricMapsHead(Head):
    """An ensemble of K linear maps of kernel features (`KernelMap`), each trained separately by the loss.

    Their unit vectors are concatenated, so that the cosine of two posters is the mean of the maps' cosines. Each map
    has its own dropout of the features.

    The first S maps start as the solution of a ridge regression in closed form. Its targets are coordinates whose inner
    products are the relevance of genre sets (`relevance_coordinates`), less their mean φ₀, of which a share m is added
    to the result. The others start from small random weights. What is trained is the difference from the start, so that
    weight decay pulls towards it.

    The regression gives posters of clear genres longer vectors, and a loss of normalised vectors hardly changes their
    length. With ``confidence`` c > 0, all vectors of a poster get the mean length of its
    started maps, at most 1, to the power of c. `CombinedHead` gives the rest to the frozen features.

    Use it for the best results: ``experiment=head``, the default, and ``experiment=best`` do.

    Args:
        feature_dim: Columns of the features.
        branch_size: Width of each map's vector.
        heads: Number K of maps.
        started: Number S of maps that start as the regression; from 0 to K.
        landmarks: Number of landmarks of the kernel.
        ridge: Regularisation strength of the regression, above 0.
        mean: m, the share of the mean that is kept, from 0 to 1.
        confidence: c, from 0 to 1; above 0 it needs a started map.
        dropout: Share of kernel features dropped in training.
        relation: Kind of relevance of the regression.

    Raises:
        InputError: A number is out of range.
    """

    kind: ClassVar[str] = "metric_maps"
    start: Tensor
    offset: Tensor

    def __init__(
        self,
        feature_dim: int,
        branch_size: int = 128,
        heads: int = 8,
        started: int = 4,
        landmarks: int = 2000,
        ridge: float = 0.7,
        mean: float = 0.5,
        confidence: float = 0.0,
        dropout: float = 0.3,
        relation: RelevanceKind = "jaccard",
    ) -> None:
        for key, value in (("heads", heads), ("landmarks", landmarks)):
            if value < 1:
                raise InputError(f"model.{key}={value}: must be 1 or more")
        if not 0 <= started <= heads:
            raise InputError(f"model.started={started}: must be from 0 to model.heads={heads}")
        if ridge <= 0:
            raise InputError(f"model.ridge={ridge}: must be above 0")
        for key, number in (("mean", mean), ("confidence", confidence)):
            if not 0 <= number <= 1:
                raise InputError(f"model.{key}={number}: must be from 0 to 1")
        if confidence > 0 and started == 0:
            raise InputError(
                f"model.confidence={confidence}: needs started maps; set model.started=1 or more, or leave it 0"
            )
        super().__init__(feature_dim, heads * branch_size)
        self.heads, self.started, self.ridge, self.mean = heads, started, ridge, mean
        self.confidence, self.dropout, self.relation = confidence, share("dropout", dropout), relation
        self.kernel_map = KernelMap(feature_dim, landmarks)
        # Buffers before training, so that a cache can hold them; the trained part is the difference.
        self.register_buffer("start", torch.zeros(landmarks, branch_size))
        self.register_buffer("offset", torch.zeros(branch_size))
        weight = torch.zeros(heads, landmarks, branch_size)
        weight[started:] = torch.randn(heads - started, landmarks, branch_size) * (INITIAL / landmarks**0.5)
        self.weight = nn.Parameter(weight)
        # One-dimensional, so that weight decay does not apply to it.
        self.bias = nn.Parameter(torch.zeros(heads * branch_size))

    @property
    def transformed_dim(self) -> int:
        """Return the number of kernel features."""
        return len(self.start)

    def transform(self, features: Tensor) -> Tensor:
        """Compute the kernel features; see `Head`."""
        mapped: Tensor = self.kernel_map(features)
        return mapped

    @property
    def branch_size(self) -> int:
        """Return the width of one map's vector."""
        return self.embedding_size // self.heads

    def branches(self, transformed: Tensor) -> tuple[Tensor, ...]:
        """Return each map's vector; the loss trains each map separately."""
        return self._vectors(transformed).unbind(0)

    def _vectors(self, transformed: Tensor) -> Tensor:
        """Return (K, N, `branch_size`)."""
        x = byte_dropout(transformed.expand(self.heads, -1, -1), self.dropout, self.training, dim=1)
        begun = (torch.arange(self.heads, device=x.device) < self.started)[:, None, None]
        bias = self.bias.view(self.heads, 1, -1) + begun * self.mean * self.offset
        return torch.baddbmm(bias, x, self.weight + begun * self.start)

    def forward(self, transformed: Tensor) -> Tensor:
        """Return the normalised vectors of all maps side by side, of length 1 or of their confidence; see `Head`."""
        vectors = self._vectors(transformed)
        units = nn.functional.normalize(vectors, dim=2) / self.heads**0.5
        side = torch.cat(units.unbind(0), dim=1)
        if self.confidence == 0:
            return side
        length = vectors[: self.started].norm(dim=2).clamp(max=1).mean(dim=0)
        return side * (length**self.confidence)[:, None]

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Fit the kernel features and the regression; see `Head`.

        Raises:
            ValueError: ``genres`` is None.
        """
        if genres is None:
            raise ValueError("the start of metric maps is fitted to genres")
        self.kernel_map.fit(features)
        targets = relevance_coordinates(np.asarray(genres, dtype=bool), len(self.offset), self.relation)
        self.offset.copy_(targets.mean(dim=0))
        mapped = self.kernel_map(torch.as_tensor(np.asarray(features)).float().to(self.start.device))
        gram = mapped.T @ mapped
        gram.diagonal().add_(self.ridge)
        moments = mapped.T @ (targets.to(mapped.device) - self.offset)
        self.start.copy_(torch.cholesky_solve(moments, torch.linalg.cholesky(gram)))

    def fitted_from(self) -> dict[str, Any]:
        """Return the settings that determine the fit; see `Head`."""
        names = ("kind", "feature_dim", "branch_size", "landmarks", "ridge", "relation")
        return {name: value for name, value in self.describe().items() if name in names}

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild the head; see `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "branch_size": self.branch_size,
            "heads": self.heads,
            "started": self.started,
            "landmarks": len(self.start),
            "ridge": self.ridge,
            "mean": self.mean,
            "confidence": self.confidence,
            "dropout": self.dropout,
            "relation": self.relation,
        }
