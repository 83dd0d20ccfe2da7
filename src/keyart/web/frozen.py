"""Neighbours by the run's frozen backbone: what it finds before any training."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError
from keyart.runs.run import Run
from keyart.utils.vectors import normalise_rows


class FrozenFeatures:
    """Features of all posters by a run's frozen backbone, computed once in the background.

    They come from the feature cache where training has left them there.

    Args:
        run: The run.
        paths: Returns the image of each poster.
    """

    def __init__(self, run: Run, paths: Callable[[], Sequence[Path]]) -> None:
        self._run, self._paths = run, paths
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._vectors: npt.NDArray[np.float32] | None = None
        self._done, self._total, self._problem = 0, 0, ""

    def neighbours(self, row: int, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]] | dict[str, Any]:
        """Return the k nearest rows and their cosines; or the state of the computation, which begins when needed."""
        if self._vectors is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._compute, name="frozen features", daemon=True)
                    self._thread.start()
            if self._problem:
                return {"state": "failed", "problem": self._problem}
            return {"state": "computing", "done": self._done, "total": self._total}
        cosines = self._vectors @ self._vectors[row]
        cosines[row] = -np.inf
        rows = np.lexsort((np.arange(len(cosines)), -cosines))[: min(k, len(cosines) - 1)]
        return rows, cosines[rows]

    def _compute(self) -> None:
        try:
            self._vectors = self._features()
        except Exception as error:
            self._problem = " ".join(str(error).split()) or type(error).__name__

    def _features(self) -> npt.NDArray[np.float32]:
        from keyart.images.pixel_cache import open_pixels
        from keyart.models.embedder import load_frozen
        from keyart.models.feature_cache import cached_features

        def report(done: int, total: int) -> None:
            self._done, self._total = done, total

        paths = self._paths()
        self._total = len(paths)
        pixels, _, bad = open_pixels(paths, self._run.image_size, progress=report)
        for at, why in bad.items():
            raise InputError(f"{paths[at]}: {why.kind} ({why.detail}); {why.fix}")
        backbone = load_frozen(self._run.folder / "embedder")
        precision = self._run.setting("training", "precision")
        features = cached_features(backbone, pixels, precision=precision, batch_size=32, progress=report)
        return normalise_rows(np.asarray(features[:, : backbone.num_features], dtype=np.float32)).astype(np.float32)
