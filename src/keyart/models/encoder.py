"""Embedding of images in any form, or of decoded posters, in batches by one embedder on one device."""

import copy
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count, islice
from typing import Literal, NamedTuple

import numpy as np
import torch

from keyart.errors import InputError
from keyart.images.any_image import AnyImage, count_images, each_image, name_image, to_pixels
from keyart.images.decode import BadImage, quiet_pillow
from keyart.models.embedder import Embedder, step_size, to_images
from keyart.models.fuse_conv_bn import folded
from keyart.models.precision import autocast_for, resolve_precision
from keyart.utils.progress import progress_bar

BATCH = 256


class Skipped(NamedTuple):
    """An image that was left out.

    Attributes:
        position: Its position among the images, from 0.
        name: Its path; of an image without one, its position and type.
        reason: What is wrong with it.
    """

    position: int
    name: str
    reason: str


class Embeddings(NamedTuple):
    """Embeddings of the usable ones of some images.

    Attributes:
        vectors: (M, E) float32, unit length.
        positions: (M,) int64, the position of each embedded image among all images, from 0.
        skipped: The other images.
    """

    vectors: np.ndarray
    positions: np.ndarray
    skipped: list[Skipped]


def default_device(device: torch.device | str | None = None) -> torch.device:
    """Return ``device``, or by default CUDA if available, else the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


class Encoder:
    """An embedder made ready for inference on one device: a copy that several threads may use at once.

    In float32, batch norms are fused into the convolutions before them. In bfloat16 they are not, because that would
    round the fused weights more coarsely.

    Args:
        embedder: It is copied.
        device: None for CUDA if available, else the CPU.
        precision: ``auto``, ``fp32`` or ``bf16``; see `resolve_precision`. bfloat16 changes the embeddings of single
            posters: with the default model the lowest cosine to float32 is 0.995.
    """

    def __init__(self, embedder: Embedder, device: torch.device | str | None = None, precision: str = "fp32") -> None:
        self.device = default_device(device)
        self.precision = resolve_precision(self.device, precision)
        self.image_size = embedder.backbone.image_size
        if self.precision == "fp32":
            noise = torch.rand(1, 3, *self.image_size, generator=torch.Generator().manual_seed(0))
            ready = folded(embedder, noise)
        else:
            ready = copy.deepcopy(embedder).eval()
        self.embedder = ready.to(self.device)
        self.embedding_size = embedder.embedding_size

    def encode(self, pixels: np.ndarray | Sequence[np.ndarray], batch_size: int = BATCH) -> np.ndarray:
        """Return (N, E) float32 unit vectors of decoded posters (N, height, width, 3) uint8."""
        step, done = step_size(batch_size, self.device), [np.empty((0, self.embedding_size), np.float32)]
        for start in range(0, len(pixels), step):
            part = torch.from_numpy(np.stack(list(pixels[start : start + step])))
            with torch.inference_mode(), autocast_for(self.device, self.precision):
                done.append(self.embedder(to_images(part, self.device)).float().cpu().numpy())
        return np.concatenate(done)

    def embed(
        self,
        images: AnyImage | Iterable[AnyImage],
        *,
        batch_size: int = BATCH,
        on_bad: Literal["error", "skip"] = "error",
        progress: bool | Callable[[int, int | None], None] = True,
    ) -> Embeddings:
        """Embed images. At most two batches of them are in memory at a time, so the iterable may be of any length.

        Args:
            images: One image, or an iterable of them; see `AnyImage`.
            batch_size: Images that are read at a time, and the most that pass through the network at once.
            on_bad: ``error`` stops at the first image that cannot be used, ``skip`` leaves it out and lists it.
            progress: Whether to show a progress bar on a terminal; or a function that is called with the number of
                finished images and of all images (None if it is unknown).

        Raises:
            InputError: An image cannot be used and ``on_bad`` is ``error``; the message names it. Or an argument is
                out of range.
        """
        if batch_size < 1:
            raise InputError(f"batch_size={batch_size}: must be 1 or more")
        if on_bad not in ("error", "skip"):
            raise InputError(f"on_bad={on_bad}: use error or skip")
        vectors, positions, skipped = [np.empty((0, self.embedding_size), np.float32)], [], list[Skipped]()
        total, done = count_images(images), 0
        with ExitStack() as block:
            report = progress if callable(progress) else block.enter_context(progress_bar("embedding images"))
            for batch in self._decoded(each_image(images), batch_size):
                good = [(at, pixels) for at, _, pixels in batch if isinstance(pixels, np.ndarray)]
                bad = [Skipped(at, name, _reason(why)) for at, name, why in batch if isinstance(why, BadImage)]
                if bad and on_bad == "error":
                    more = f" (and {len(bad) - 1} more of the next {len(batch)} images)" if len(bad) > 1 else ""
                    raise InputError(f"{bad[0].name}: {bad[0].reason}{more}; or leave such images out by on_bad='skip'")
                skipped += bad
                positions += [at for at, _ in good]
                vectors.append(self.encode([pixels for _, pixels in good], batch_size))
                done += len(batch)
                if progress:
                    report(done, total)
        return Embeddings(np.concatenate(vectors), np.array(positions, dtype=np.int64), skipped)

    def _decoded(
        self, images: Iterator[AnyImage], size: int
    ) -> "Iterator[list[tuple[int, str, np.ndarray | BadImage]]]":
        """Yield batches of decoded images with position and name; the next batch is decoded meanwhile."""
        waiting: deque[list[tuple[int, str, Future[np.ndarray | BadImage]]]] = deque()
        numbers = count()
        with quiet_pillow(), ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
            while batch := list(islice(images, size)):
                numbered = [(next(numbers), image) for image in batch]
                waiting.append([(at, name_image(one, at), pool.submit(self._read, one)) for at, one in numbered])
                if len(waiting) > 1:
                    yield [(at, name, future.result()) for at, name, future in waiting.popleft()]
            for last in waiting:
                yield [(at, name, future.result()) for at, name, future in last]

    def _read(self, image: AnyImage) -> np.ndarray | BadImage:
        try:
            return to_pixels(image, self.image_size)
        except BadImage as why:
            return why


def _reason(why: BadImage) -> str:
    return f"{why.kind} ({why.detail}); {why.fix}"
