"""Pixel cache: the decoded posters of a catalogue as memory-mapped uint8 pixels, decoded only once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.images.decode import DECODING_VERSION, MOST_BYTES, BadImage, decode_poster, quiet_pillow
from keyart.images.pixel_store import HASH_BYTES, PixelStore
from keyart.utils.paths import FORMER_NAME
from keyart.utils.processes import usable_cores
from keyart.utils.reading import read_bytes

Progress = Callable[[int, int], None]
"""Called with (done, total) while posters are decoded."""

_PIECE = 512  # posters decoded between two commits: a killed build loses at most this many
_T = TypeVar("_T")


class PixelCache:
    """Pixels of N posters, (N, height, width, 3) uint8 RGB, read-only and memory-mapped.

    Create it with `open_pixels`.

    Args:
        store: The file of pixels that contains the posters.
        hashes: The hash of each poster's file, in the posters' order; all of them are in the store.
    """

    def __init__(self, store: PixelStore, hashes: Sequence[bytes]) -> None:
        self._store = store
        self._hashes = list(hashes)
        self._map()

    def _map(self) -> None:
        found = self._store.found()
        self._rows = np.array([found[key] for key in self._hashes], dtype=np.int64)
        self._pixels = np.asarray(self._store.read(int(self._rows.max()) + 1 if len(self._rows) else 0))

    def __getstate__(self) -> dict[str, object]:
        return {"_store": self._store, "_hashes": self._hashes}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._map()

    def __len__(self) -> int:
        return len(self._hashes)

    def __getitem__(self, position: int) -> np.ndarray:
        """Return one poster, (height, width, 3) uint8, read-only."""
        return self._pixels[self._rows[position]]

    @property
    def image_size(self) -> tuple[int, int]:
        """Image size (height, width) in pixels."""
        return self._store.image_size

    @property
    def folder(self) -> Path:
        """Folder of the cached pixels; derived data may be stored beside them, keyed by `digest`."""
        return self._store.folder

    @property
    def nbytes(self) -> int:
        """Total size of the N posters in bytes."""
        return len(self) * self._store.row_bytes

    @cached_property
    def digest(self) -> str:
        """Hash (32 hexadecimal digits) of the file contents in order, the image size, and the decoding version."""
        height, width = self.image_size
        digest = blake2b(f"{FORMER_NAME} pixels {DECODING_VERSION} {height} {width}".encode(), digest_size=HASH_BYTES)
        digest.update(b"".join(self._hashes))
        return digest.hexdigest()

    @property
    def contents(self) -> npt.NDArray[np.int64]:
        """Numbers (N,) int64 that identify the content of the posters' files: equal for byte-identical files."""
        return self._rows.copy()

    def select(self, positions: npt.ArrayLike) -> "PixelCache":
        """Return the posters at ``positions``, in that order, from the same file of pixels."""
        return PixelCache(self._store, [self._hashes[i] for i in np.asarray(positions, dtype=np.int64)])

    def take(self, positions: npt.ArrayLike | Tensor, *, out: Tensor | None = None) -> Tensor:
        """Gather posters into one batch, with one copy.

        Args:
            positions: (B,) integers in [0, N).
            out: A (B, height, width, 3) uint8 tensor in CPU memory to fill, such as a pinned one.

        Returns:
            (B, height, width, 3) uint8 on the CPU; ``out`` if it is not None.

        Raises:
            IndexError: A position is out of range.
        """
        at = np.asarray(positions, dtype=np.int64)
        if at.size and not 0 <= at.min() <= at.max() < len(self):
            raise IndexError(f"positions {at.min()}..{at.max()} of {len(self)} posters")
        # Unlike torch's allocator, numpy's requests huge pages, so a new batch has a quarter of the page faults.
        # With mode="clip" (nothing is clipped here), numpy copies directly into `out`, without a buffer.
        into = None if out is None else out.numpy()
        taken = np.take(self._pixels, self._rows[at], axis=0, out=into, mode="clip")
        return torch.from_numpy(taken) if out is None else out


def open_pixels(
    paths: Sequence[Path],
    image_size: tuple[int, int],
    *,
    cache_dir: Path | str | None = None,
    progress: Progress | None = None,
) -> tuple[PixelCache, np.ndarray, dict[int, BadImage]]:
    """Open the pixels of image files; decode the files that are not in the cache yet.

    Every file is read and hashed each time, so a changed file is decoded again (and only that file). Files that are
    known to be bad are not decoded again. Several processes may call this function at the same time: one decodes, the
    others wait.

    Args:
        paths: N image files.
        image_size: (height, width) in pixels.
        cache_dir: A cache root other than the default one.
        progress: Called with (done, total) while files are decoded; not called if none needs decoding.

    Returns:
        The cache of the good posters; their positions in ``paths``, (M,) int64; and the error of each other file, by
        position.

    Raises:
        InputError: ``image_size`` is out of range, a file changed during reading, or the cache's disk is full or cannot
            be written.
    """
    if len(image_size) != 2 or not all(16 <= side <= 2048 for side in image_size):
        raise InputError(f"data.image_size={list(image_size)}: give height and width, each from 16 to 2048 pixels")
    store = PixelStore((int(image_size[0]), int(image_size[1])), cache_dir)
    hashes, bad = _hash_files(paths)
    unknown = _unknown(store, paths, hashes)
    if unknown:
        with store.building():
            unknown = _unknown(store, paths, hashes)  # another process may have decoded them while this one waited
            _decode_into(store, unknown, progress)
    known_bad = store.bad()
    bad |= {i: known_bad[key] for i, key in hashes.items() if key in known_bad}
    good = np.array([i for i in range(len(paths)) if i not in bad], dtype=np.int64)
    return PixelCache(store, [hashes[i] for i in good]), good, bad


def hash_content(data: bytes) -> bytes:
    """Return the 16-byte BLAKE2b hash of a file's content."""
    return blake2b(data, digest_size=HASH_BYTES).digest()


def _pieces(items: Sequence[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise BadImage("missing image", "no such file", "put it there or remove its row") from error
    except OSError as error:
        detail = error.strerror or type(error).__name__
        raise BadImage("unreadable image", detail, "make the file readable") from error


def _hash_files(paths: Sequence[Path]) -> tuple[dict[int, bytes], dict[int, BadImage]]:
    hashes: dict[int, bytes] = {}
    bad: dict[int, BadImage] = {}

    def hash_piece(piece: list[tuple[int, Path]]) -> None:
        for i, path in piece:
            try:
                hashes[i] = hash_content(_read(path))
            except BadImage as why:
                bad[i] = why

    # In chunks, because passing single small files to threads takes longer than hashing them.
    with ThreadPoolExecutor(min(usable_cores(), 32)) as pool:
        list(pool.map(hash_piece, _pieces(list(enumerate(paths)), 128)))
    return hashes, bad


def _unknown(store: PixelStore, paths: Sequence[Path], hashes: dict[int, bytes]) -> dict[bytes, Path]:
    """Return the files that are not in the store yet, or damaged there, each content once, keyed by hash."""
    known = store.intact(hashes.values()) | store.bad().keys()
    return {key: paths[i] for i, key in sorted(hashes.items()) if key not in known}


def _decode_into(store: PixelStore, files: dict[bytes, Path], progress: Progress | None) -> None:
    """Decode files into the store, chunk by chunk; the caller holds the store's lock."""

    def decode(item: tuple[bytes, Path]) -> np.ndarray | BadImage:
        key, path = item
        try:
            data = _read(path)
            if hash_content(data) != key:
                raise InputError(f"{path}: changed while it was being read; start again when nothing writes to it")
            return decode_poster(data, store.image_size)
        except BadImage as why:
            return why

    done = 0
    with quiet_pillow(), ThreadPoolExecutor(min(usable_cores(), 32)) as pool:
        for piece in _pieces(list(files.items()), _PIECE):
            rows: dict[bytes, np.ndarray] = {}
            bad: dict[bytes, BadImage] = {}
            for (key, _), result in zip(piece, pool.map(decode, piece), strict=True):
                if isinstance(result, BadImage):
                    bad[key] = result
                else:
                    rows[key] = result
                done += 1
                if progress is not None and (done % 32 == 0 or done == len(files)):
                    progress(done, len(files))
            store.append(list(rows), rows.values())
            if bad:
                store.append_bad(bad)
