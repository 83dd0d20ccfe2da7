"""Lookup of the image file that a table row names, in a folder that is listed only once."""

import bisect
import difflib
import os
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from keyart.catalogue.values import parse_imdb_id
from keyart.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

_ABSOLUTE = re.compile(r"[\\/]|[A-Za-z]:[\\/]")
_SUFFIX = re.compile(r"(.+)\.[A-Za-z0-9]{1,5}")


def leaves_folder(name: str) -> bool:
    r"""Return whether a path could point outside its folder: it is absolute, names a drive, or contains ``..``.

    Examples:
        >>> [leaves_folder(name) for name in ("a/b.jpg", "/a.jpg", "a/../../b.jpg", "C:\\a.jpg")]
        [False, True, True, True]
    """
    return bool(_ABSOLUTE.match(name)) or ".." in re.split(r"[\\/]", name)


def strip_leading_slash(name: str) -> str:
    """Remove the leading slash of a path with a single part, as in TMDB's ``poster_path``.

    Examples:
        >>> strip_leading_slash("/a.jpg"), strip_leading_slash("/etc/a.jpg"), strip_leading_slash("a.jpg")
        ('a.jpg', '/etc/a.jpg', 'a.jpg')
    """
    bare = name.lstrip("/\\")
    return name if "/" in bare or "\\" in bare else bare


def stem(name: str) -> str:
    """Return the last part of a path without its suffix (``Mr. Nobody`` has no suffix).

    Examples:
        >>> stem("a/tt0114709.jpg"), stem("Mr. Nobody")
        ('tt0114709', 'Mr. Nobody')
    """
    base = _parted(name)[1]
    match = _SUFFIX.fullmatch(base)
    return match[1] if match else base


class ImageFolder:
    """Files in a folder of images; the folder and each requested sub-folder are listed only once.

    Args:
        root: The folder, which must exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: dict[str, _Listing] = {}

    def relative_path(self, name: str) -> str | None:
        """Return a path from the table relative to the folder, or None if it points outside the folder.

        An absolute path is accepted if it is in the folder. A path with a leading slash is also accepted if it is
        relative to the folder: ``/a.jpg`` as TMDB writes it, or ``/posters/a.jpg`` if the folder contains such a file.
        """
        if not leaves_folder(name):
            return name
        absolute = Path(name)
        for root, path in ((self.root, absolute), (Path(os.path.realpath(self.root)), absolute)):
            if absolute.is_absolute() and path.is_relative_to(root) and path != root:
                below = path.relative_to(root).as_posix()
                return None if leaves_folder(below) else below
        below = strip_leading_slash(name)
        if leaves_folder(below) and re.match(r"[\\/]+[^\\/]", name):
            rest = name.lstrip("/\\").replace("\\", "/")
            below = rest if not leaves_folder(rest) and (self.root / rest).is_file() else below
        return None if leaves_folder(below) else below

    @cached_property
    def bare_numbers(self) -> frozenset[int]:
        """Numbers that are the names of images directly in the folder, such as 862 for ``00862.jpg``."""
        stems = (stem(name) for name in self._listing("").names if name.casefold().endswith(IMAGE_SUFFIXES))
        return frozenset(int(one) for one in stems if one.isdecimal())

    def find(self, name: str, imdb_id: str | None = None, *, bare: bool = True) -> str | None:
        """Find the image that ``name`` refers to and return its path below ``root``, or ``None``.

        The order of attempts is: the exact name; the name in another case or Unicode form; the name with ``.jpg``,
        ``.jpeg``, ``.png`` or ``.webp`` added; only the last part of the path, in the same way. If the name starts with
        ``tt`` or matches ``imdb_id``, the last attempt is that IMDb id with and without ``tt`` and leading zeros.

        Args:
            name: A path for which :func:`leaves_folder` is False.
            imdb_id: The poster's IMDb id, as ``parse_imdb_id`` returns it.
            bare: Whether a bare number as a file name is an IMDb id.
        """
        within, base = _parted(name)
        folders = (within, "") if within else ("",)
        for folder in folders:
            found = self._listing(folder).named(base)
            if found:
                return f"{folder}/{found}" if folder else found
        written = parse_imdb_id(stem(name))
        if written and (stem(name).casefold().startswith("tt") or written == imdb_id):
            for folder in folders:
                found = self._listing(folder).by_imdb_id.get(written)
                if found and (bare or not stem(found).isdecimal()):
                    return f"{folder}/{found}" if folder else found
        return None

    def similar(self, name: str, limit: int = 2) -> list[str]:
        """Return up to ``limit`` file names in the folder that are similar to ``name``."""
        return self._listing("").similar(_parted(name)[1], limit)

    def somewhere_below(self, name: str) -> str | None:
        """Return the direct sub-folder that contains ``name``, probably the folder that the user meant, or None."""
        for entry in sorted(os.scandir(self.root), key=lambda e: e.name):
            if entry.is_dir() and self._listing(entry.name).named(_parted(name)[1]):
                return entry.name
        return None

    def _listing(self, folder: str) -> "_Listing":
        if folder not in self._listings:
            self._listings[folder] = _Listing(self.root / folder)
        return self._listings[folder]


class _Listing:
    """Names of the files directly in one folder; empty if the folder does not exist."""

    def __init__(self, folder: Path) -> None:
        try:
            with os.scandir(folder) as entries:
                self.names = {entry.name for entry in entries if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            self.names = set()
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be listed ({error.strerror}); check the folder's permissions"
            ) from error

    def named(self, base: str) -> str | None:
        if base in self.names:
            return base
        for candidate in (base, *(base + suffix for suffix in IMAGE_SUFFIXES)):
            found = self._folded.get(_fold(candidate))
            if found:
                return found
        return None

    @cached_property
    def _folded(self) -> dict[str, str]:
        # In reverse order: of names that differ only in case, the first one in sorted order is kept.
        return {_fold(name): name for name in sorted(self.names, reverse=True)}

    @cached_property
    def by_imdb_id(self) -> dict[str, str]:
        """IMDb id to file name; of several files with one id, one named ``tt…`` is preferred, else the first."""
        found: dict[str, str] = {}
        for name in sorted(self.names, key=lambda n: (not stem(n).startswith("tt"), n)):
            imdb_id = parse_imdb_id(stem(name)) if name.casefold().endswith(IMAGE_SUFFIXES) else None
            if imdb_id:
                found.setdefault(imdb_id, name)
        return found

    def similar(self, base: str, limit: int) -> list[str]:
        candidates = {*_neighbours(self._forward, _fold(base)), *_neighbours(self._backward, _fold(base)[::-1])}
        near = difflib.get_close_matches(
            _fold(base), [_fold(name) for name in sorted(candidates)], n=limit, cutoff=0.75
        )
        return [self._folded[name] for name in near]

    @cached_property
    def _forward(self) -> list[tuple[str, str]]:
        return sorted((_fold(name), name) for name in self.names)

    @cached_property
    def _backward(self) -> list[tuple[str, str]]:
        return sorted((_fold(name)[::-1], name) for name in self.names)


def _parted(name: str) -> tuple[str, str]:
    r"""Split a path written with ``/`` or ``\`` into its folder (``""`` if there is none) and its last part."""
    if "/" not in name and "\\" not in name:
        return "", name
    path = PurePosixPath(name.replace("\\", "/"))
    return "" if str(path.parent) == "." else str(path.parent), path.name


def _neighbours(ordered: list[tuple[str, str]], key: str, reach: int = 6) -> Iterator[str]:
    """Return the names next to ``key`` in sorted order, as cheap candidates for a closer comparison."""
    at = bisect.bisect_left(ordered, (key, ""))
    return (name for _, name in ordered[max(0, at - reach) : at + reach])


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
