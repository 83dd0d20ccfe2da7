"""What keyart keeps on disk to save time: how much, and how to be rid of it."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from filelock import FileLock, Timeout

from keyart.cli.doctor.finding import Finding, size_text
from keyart.errors import InputError
from keyart.utils.paths import cache_root

PARTS = {
    "pixels": "decoded posters",
    "features": "features of frozen backbones",
    "demo": "rendered demo posters",
}
_LITTLE_SPACE = 2 * 2**30


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):  # links are not followed
        yield from (Path(parent, name) for name in names)


def _is_lock(path: Path) -> bool:
    return path.name == "lock" or path.suffix == ".lock"


def folder_size(folder: Path) -> tuple[int, int]:
    """Files in a folder, locks aside, and their bytes."""
    count = size = 0
    for path in _files(folder):
        if _is_lock(path):
            continue
        try:
            count, size = count + 1, size + path.lstat().st_size
        except FileNotFoundError:  # another process has just removed it
            continue
    return count, size


def cache_findings(root: Path | None = None) -> list[Finding]:
    """The cache's place and what is in each of its parts."""
    root = root or cache_root()
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    findings = []
    free = shutil.disk_usage(existing).free
    values = {"path": str(root), "free_bytes": free}
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        mend = "set KEYART_CACHE to a folder that may be written"
        findings.append(Finding("cache", "fault", f"{root} cannot be written", mend, required=True, values=values))
    elif free < _LITTLE_SPACE:
        mend = "make room, or set KEYART_CACHE to a folder on another disk"
        findings.append(Finding("cache", "fault", f"{root}: only {size_text(free)} are free", mend, values=values))
    else:
        mend = "KEYART_CACHE moves it"
        findings.append(Finding("cache", "ok", f"{root}, {size_text(free)} free", mend, values=values))
    for part, what in PARTS.items():
        count, size = folder_size(root / part)
        about = {"path": str(root / part), "files": count, "bytes": size}
        if count == 0:
            findings.append(Finding(f"cache: {part}", "ok", f"empty ({what})", values=about))
            continue
        detail, mend = f"{size_text(size)} in {count:,} files ({what})", f"keyart doctor --clear-cache {part}"
        findings.append(Finding(f"cache: {part}", "ok", detail, mend, values=about))
    return findings


def clear_cache(parts: Sequence[str], root: Path | None = None) -> dict[str, int]:
    """Empty parts of the cache. What is needed again is made again.

    Only what lies under the cache's own folders goes; links are removed, not followed. Locks are taken first and their
    files left, so that a process that is filling the cache is neither disturbed nor overtaken.

    Args:
        parts: Names of `PARTS`.
        root: The cache; None: the usual one.

    Returns:
        Bytes freed, by part.

    Raises:
        InputError: A part is being written, or the cache's folder holds more than a cache. Nothing has been removed.
    """
    root = root or cache_root()
    _check_root(root)
    with ExitStack() as held:
        for part in parts:
            for path in _files(root / part):
                if _is_lock(path):
                    try:
                        held.enter_context(FileLock(path, timeout=0))
                    except Timeout:
                        raise InputError(
                            f"{path.parent}: another process is writing there; wait until it has finished, then clear"
                            f" {part} again"
                        ) from None
        return {part: _empty(root / part) for part in parts}


def _check_root(root: Path) -> None:
    """Refuse a folder that people keep other things in.

    Raises:
        InputError: The cache is a home, a working directory, or above one.
    """
    resolved = root.resolve()
    for what, folder in (("your home folder", Path.home()), ("the working directory", Path.cwd())):
        if folder.resolve().is_relative_to(resolved):
            raise InputError(
                f"KEYART_CACHE={root}: {what} lies in it, so nothing is removed there; name a folder of its own"
            )


def _empty(folder: Path) -> int:
    """Remove everything in a folder but locks; the bytes freed."""
    before = folder_size(folder)[1]
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in names:
            if not _is_lock(Path(parent, name)):
                Path(parent, name).unlink(missing_ok=True)
        for name in folders:
            path = Path(parent, name)
            if path.is_symlink():
                path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()
    return before - folder_size(folder)[1]
