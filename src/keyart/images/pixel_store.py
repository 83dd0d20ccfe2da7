"""On-disk store of decoded posters: one growing file for each image size, keyed by the hash of the image file."""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import PIL

from keyart.images.decode import CHECKING_VERSION, DECODING_VERSION, BadImage
from keyart.utils.cache import cache_folder, locked, report_storage_errors, write_atomically
from keyart.utils.reading import read_json

HASH_BYTES = 16


class PixelStore:
    """On-disk rows of uint8 pixels, keyed by the hash of the image file.

    Each combination of image size, decoding version and checking version has one folder with three files: ``rows.u8``
    (the pixels), ``hashes.bin`` (one hash per row, in the same order) and ``bad.json`` (hashes and errors of files that
    are not usable posters). Rows are only appended. A hash is written after its pixels are on the disk, so every row
    with a hash is complete. A killed build leaves at most rows without a hash, and the next build overwrites them.
    Writers use a lock; readers need none.

    Args:
        image_size: (height, width) in pixels.
        cache_dir: A cache root other than the default one.

    Raises:
        InputError: The folder cannot be created.
    """

    def __init__(self, image_size: tuple[int, int], cache_dir: Path | str | None = None) -> None:
        height, width = image_size
        self.image_size = (height, width)
        self.folder = cache_folder(f"pixels/v{DECODING_VERSION}.{CHECKING_VERSION}-{height}x{width}", cache_dir)
        self.row_shape = (height, width, 3)
        self.row_bytes = height * width * 3
        self.rows_path = self.folder / "rows.u8"
        self._hashes_path = self.folder / "hashes.bin"
        self._bad_path = self.folder / "bad.json"

    def found(self) -> dict[bytes, int]:
        """Return the row of each hash with complete pixels."""
        if not self._hashes_path.exists():
            return {}
        data = self._hashes_path.read_bytes()
        held = self.rows_path.stat().st_size if self.rows_path.exists() else 0
        whole = min(len(data) // HASH_BYTES, held // self.row_bytes)
        return {data[i * HASH_BYTES : (i + 1) * HASH_BYTES]: i for i in range(whole)}

    def bad(self) -> dict[bytes, BadImage]:
        """Return the error of each bad file by hash; empty if Pillow's version changed, as it may read more files."""
        if not self._bad_path.exists():
            return {}
        try:
            record = read_json(self._bad_path, {"pillow": str, "files": dict})
            if record["pillow"] != PIL.__version__:
                return {}
            return {bytes.fromhex(key): BadImage(*map(str, why)) for key, why in record["files"].items()}
        except (ValueError, TypeError):  # damaged: the files are checked again
            return {}

    def read(self, count: int) -> np.ndarray:
        """Return the first ``count`` rows, (count, height, width, 3) uint8, memory-mapped and read-only."""
        if count == 0:
            return np.empty((0, *self.row_shape), dtype=np.uint8)
        return np.memmap(self.rows_path, dtype=np.uint8, mode="r", shape=(count, *self.row_shape))

    def building(self) -> AbstractContextManager[None]:
        """Return a context manager that holds the store's lock while rows are added."""
        return locked(self.folder / "lock")

    def append(self, hashes: Sequence[bytes], rows: Iterable[np.ndarray]) -> None:
        """Append rows; the caller holds the lock.

        Args:
            hashes: One hash of `HASH_BYTES` bytes for each row, none of them in the store yet.
            rows: (height, width, 3) uint8 each.

        Raises:
            InputError: The disk is full, or the folder cannot be written.
        """
        with report_storage_errors(self.folder):
            count = len(self.found())
            _write_from(self.rows_path, count * self.row_bytes, (np.ascontiguousarray(row).data for row in rows))
            _write_from(self._hashes_path, count * HASH_BYTES, hashes)

    def append_bad(self, files: dict[bytes, BadImage]) -> None:
        """Record files that are not usable posters; the caller holds the lock."""
        known = {**self.bad(), **files}
        record = {key.hex(): (why.kind, why.detail, why.fix) for key, why in known.items()}
        text = json.dumps({"pillow": PIL.__version__, "files": record}, indent=1)
        write_atomically(self._bad_path, lambda file: file.write(text.encode()))


def _write_from(path: Path, start: int, pieces: Iterable[bytes | memoryview]) -> None:
    """Truncate the file at ``start``, append the pieces, and flush them to the disk."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(start)
        file.seek(start)
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
