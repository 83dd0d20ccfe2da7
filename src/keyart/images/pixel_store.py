"""On-disk store of decoded posters: one growing file for each image size, keyed by the hash of the image file."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from keyart.images.decode import CHECKING_VERSION, DECODING_VERSION, BadImage
from keyart.utils.cache import cache_folder, locked, report_storage_errors, write_atomically
from keyart.utils.reading import read_json

HASH_BYTES = 16
NO_DIGEST = bytes(HASH_BYTES)
_MOST_COMPARED_BYTES = 64 << 20


class PixelStore:
    """On-disk rows of uint8 pixels, keyed by the hash of the image file.

    Each combination of image size, decoding version and checking version has one folder with four files: ``rows.u8``
    (the pixels), ``digests.bin`` and ``hashes.bin`` (a digest of each row's pixels, and the hash of its image file, in
    the same order) and ``bad.json`` (hashes and errors of files that are not usable posters). Rows are only appended. A
    hash is written after its pixels are on the disk, so every row with a hash is complete. A killed build leaves at
    most rows without a hash, and the next build overwrites them. A row that is damaged later is appended again, and the
    last row of a hash counts. Writers use a lock; readers need none.

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
        self._digests_path = self.folder / "digests.bin"
        self._hashes_path = self.folder / "hashes.bin"
        self._bad_path = self.folder / "bad.json"

    def found(self) -> dict[bytes, int]:
        """Return the row of each hash with complete pixels."""
        return {key: row for row, key in enumerate(self._hashes())}

    def intact(self, hashes: Iterable[bytes]) -> set[bytes]:
        """Return those of some hashes whose pixels are in the store and match their digest.

        Of more than 64 MiB only rows at equal distances are compared, as `file_digest` does with large files; if one of
        them is damaged, all are. Rows of former versions have no digest.
        """
        found = self.found()
        rows = sorted({found[key] for key in hashes if key in found})
        digests = dict(enumerate(_split(self._digests_path.read_bytes() if self._digests_path.exists() else b"")))
        pixels = self.read(rows[-1] + 1 if rows else 0)

        def damaged(some: Sequence[int]) -> set[int]:
            return {i for i in some if digests.get(i, NO_DIGEST) not in (NO_DIGEST, _digest(pixels[i]))}

        lost = damaged(rows[:: -(-len(rows) * self.row_bytes // _MOST_COMPARED_BYTES) or 1])
        if lost:
            lost = damaged(rows)
        return {key for key in hashes if key in found and found[key] not in lost}

    def bad(self) -> dict[bytes, BadImage]:
        """Return the error of each bad file by hash; empty if Pillow's version changed, as it may read more files."""
        if not self._bad_path.exists():
            return {}
        try:
            record = read_json(self._bad_path, {"pillow": str, "files": dict, "digest": str})
            if record["pillow"] != PIL.__version__ or record["digest"] != _digest_of_bad(record["files"]):
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
            count, digests = len(self._hashes()), []

            def pieces() -> Iterator[memoryview]:
                for row in rows:
                    digests.append(_digest(row))
                    yield np.ascontiguousarray(row).data

            _write_from(self.rows_path, count * self.row_bytes, pieces())
            _write_from(self._digests_path, count * HASH_BYTES, digests)
            _write_from(self._hashes_path, count * HASH_BYTES, hashes)

    def _hashes(self) -> list[bytes]:
        """Return the hash of each complete row."""
        data = self._hashes_path.read_bytes() if self._hashes_path.exists() else b""
        held = self.rows_path.stat().st_size if self.rows_path.exists() else 0
        return _split(data)[: held // self.row_bytes]

    def append_bad(self, files: dict[bytes, BadImage]) -> None:
        """Record files that are not usable posters; the caller holds the lock."""
        known = {**self.bad(), **files}
        record = {key.hex(): (why.kind, why.detail, why.fix) for key, why in known.items()}
        text = json.dumps({"pillow": PIL.__version__, "digest": _digest_of_bad(record), "files": record}, indent=1)
        write_atomically(self._bad_path, lambda file: file.write(text.encode()))


def _digest_of_bad(record: dict[str, Any]) -> str:
    return blake2b(json.dumps(record, sort_keys=True).encode(), digest_size=HASH_BYTES).hexdigest()


def _digest(row: np.ndarray) -> bytes:
    return blake2b(np.ascontiguousarray(row).data, digest_size=HASH_BYTES).digest()


def _split(data: bytes) -> list[bytes]:
    """Split a file of hashes; an incomplete last one is left out."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data) // HASH_BYTES * HASH_BYTES, HASH_BYTES)]


def _write_from(path: Path, start: int, pieces: Iterable[bytes | memoryview]) -> None:
    """Truncate the file at ``start``, append the pieces, and flush them to the disk."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(start)
        file.seek(start)
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
