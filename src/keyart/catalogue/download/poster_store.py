"""Output folder of downloaded posters: nothing is written outside it, and no file is left incomplete."""

import contextlib
import errno
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keyart.catalogue.image_folder import leaves_folder
from keyart.errors import InputError
from keyart.utils.files import storage_fault

#: Maximum bytes of one part of a path: temporary names are longer and must also fit the file system's limit of 255.
MAX_PART = 200
DRAFT = ".part"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_STOPPING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)


class BadName(Exception):
    """Error for a file name that is not allowed; its text gives the reason."""


def name_fault(name: str) -> str | None:
    r"""Return the reason why a path is not an allowed poster name within the folder, or None.

    Examples:
        >>> name_fault("a/tt0114709.jpg"), name_fault("../a.jpg"), name_fault("a//b.jpg")
        (None, 'the name leads out of the folder', 'the name has an empty or hidden part')
    """
    if not name:
        return "the row names no image"
    if leaves_folder(name):
        return "the name leads out of the folder"
    parts = name.replace("\\", "/").split("/")
    if any(ord(sign) < 32 or ord(sign) == 127 or 0xD800 <= ord(sign) <= 0xDFFF for sign in name):
        return "the name holds control characters"
    if any(not part.strip() or part.startswith(".") for part in parts):
        return "the name has an empty or hidden part"
    if any(len(part.encode()) > MAX_PART for part in parts):
        return f"a part of the name is longer than {MAX_PART} bytes"
    return None


class PosterStore:
    """Writer of files in and below one folder, of which it is the only writer; see `output_folder`.

    Each part of a path is opened relative to its parent folder and without following symbolic links, and a file gets
    its final name only when it is complete. So nothing outside the folder changes, whatever the folder contains.

    Args:
        root: The folder; created if it does not exist. It may itself be a symbolic link.

    Raises:
        InputError: The folder cannot be created or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with self._telling():
            try:
                root.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
            except (FileExistsError, NotADirectoryError):
                raise InputError(f"{root}: is not a folder; name another one with ``to``") from None
        self._swept: set[str] = set()
        self._sweeping = threading.Lock()  # nothing is written to a folder before its drafts are removed

    def close(self) -> None:
        """Close the folder."""
        os.close(self._descriptor)

    def __enter__(self) -> "PosterStore":
        return self

    def __exit__(self, *stopped: object) -> None:
        self.close()

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically; an existing file or symbolic link of that name is replaced (not the link's target).

        Args:
            name: A path within the folder; missing sub-folders are created.
            data: The content.

        Raises:
            BadName: The name is not allowed.
            InputError: The disk is full, or the folder cannot be written.
        """
        fault = name_fault(name)
        if fault:
            raise BadName(fault)
        *folders, base = name.replace("\\", "/").split("/")
        with self._telling(), self._within(folders) as folder:
            draft = f".{base}.{secrets.token_hex(4)}{DRAFT}"
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                os.replace(draft, base, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    os.unlink(draft, dir_fd=folder)
                if isinstance(error, IsADirectoryError):
                    raise BadName(f"{base} is a folder") from None
                raise

    def sweep(self, folder: str = "") -> None:
        """Remove incomplete files that a killed download left in one folder; each folder is swept once."""
        parts = folder.split("/") if folder else []
        with self._sweeping, contextlib.suppress(BadName, FileNotFoundError):
            if folder in self._swept:
                return
            self._swept.add(folder)
            with self._telling(), self._within(parts, make=False) as within, os.scandir(within) as entries:
                for entry in entries:
                    if entry.name.startswith(".") and entry.name.endswith(DRAFT):
                        os.unlink(entry.name, dir_fd=within)

    @contextmanager
    def _within(self, folders: list[str], make: bool = True) -> Iterator[int]:
        """Open a sub-folder and yield its descriptor; with ``make``, create missing folders."""
        current = os.dup(self._descriptor)
        try:
            for part in folders:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=current)
                try:
                    deeper = os.open(part, _FOLDER, dir_fd=current)
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                        raise
                    raise BadName(f"{part} is a link or a file where a folder is needed") from None
                os.close(current)
                current = deeper
            yield current
        finally:
            os.close(current)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _STOPPING:
                raise
            raise InputError(f"{self.root}: {storage_fault(error)}; make room, or name another folder") from error
