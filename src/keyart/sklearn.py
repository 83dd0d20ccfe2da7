"""A scikit-learn transformer of posters, for pipelines."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

if TYPE_CHECKING:
    from keyart.images.any_image import AnyImage


class PosterEmbedder(TransformerMixin, BaseEstimator):
    """Transformer from images to embeddings by a trained embedder; it learns nothing itself.

    Args:
        folder: A run's folder, an embedder's folder, or one on a model hub: see `keyart.load`.
        batch_size: Images that are read at a time.
        device: Such as ``cpu``; None for CUDA if available, else the CPU.
        precision: ``fp32``, ``bf16`` or ``auto``; None for the run's own, but float32 on a CPU if that is ``auto``.

    Examples:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> model = make_pipeline(PosterEmbedder("outputs/head"), LogisticRegression())
        >>> model.fit(["a.jpg", "b.jpg"], [0, 1])  # doctest: +SKIP
    """

    def __init__(
        self, folder: str | Path, *, batch_size: int = 256, device: str | None = None, precision: str | None = None
    ) -> None:
        self.folder = folder
        self.batch_size = batch_size
        self.device = device
        self.precision = precision

    def fit(self, images: object = None, labels: object = None) -> "PosterEmbedder":
        """Open the embedder."""
        from keyart.api.run import load

        self.run_ = load(self.folder)
        return self

    def transform(self, images: "Iterable[AnyImage]") -> np.ndarray:
        """Embed images: (N, E) float32 of unit length; see `keyart.Run.embed`."""
        if not hasattr(self, "run_"):
            self.fit()
        vectors = self.run_.embed(
            images, batch_size=self.batch_size, device=self.device, precision=self.precision, progress=False
        )
        return np.atleast_2d(vectors)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns."""
        names = [f"embedding{at}" for at in range(self.run_.embedder.embedding_size)]
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "run_"}
