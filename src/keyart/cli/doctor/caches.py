"""Size and deletion of keyart's caches on disk."""

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
    "embeddings": "embeddings of catalogues without an index",
    "maps": "posters as points of a map",
    "thumbnails": "small images of posters",
    "demo": "rendered demo posters",
}
_LITTLE_SPACE = 2 * 2**30


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):  # links are not followed
        yield from (Path(parent, name) for name in names)


def _is_lock(path: Path) -> bool:
    return path.name == "lock" or path.suffix == ".lock"


def folder_size(folder: Path) -> tuple[int, int]:
    """Return the number of files in a folder, without locks, and their size in bytes."""
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
    """Report the location of the cache, and the content of each of its parts."""
    root = root or cache_root()
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    findings = []
    free = shutil.disk_usage(existing).free
    values = {"path": str(root), "free_bytes": free}
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        fix = "set KEYART_CACHE to a folder that can be written"
        findings.append(Finding("cache", "fault", f"{root} cannot be written", fix, required=True, values=values))
    elif free < _LITTLE_SPACE:
        fix = "make room, or set KEYART_CACHE to a folder on another disk"
        findings.append(Finding("cache", "fault", f"{root}: only {size_text(free)} are free", fix, values=values))
    else:
        fix = "KEYART_CACHE moves it"
        findings.append(Finding("cache", "ok", f"{root}, {size_text(free)} free", fix, values=values))
    for part, what in PARTS.items():
        count, size = folder_size(root / part)
        about = {"path": str(root / part), "files": count, "bytes": size}
        if count == 0:
            findings.append(Finding(f"cache: {part}", "ok", f"empty ({what})", values=about))
            continue
        detail, fix = f"{size_text(size)} in {count:,} files ({what})", f"keyart doctor --clear-cache {part}"
        findings.append(Finding(f"cache: {part}", "ok", detail, fix, values=about))
    return findings


def clear_cache(parts: Sequence[str], root: Path | None = None) -> dict[str, int]:
    """Delete parts of the cache; keyart creates them again when it needs them.

    Only files below the cache's own folders are deleted; links are deleted, but not followed. The function acquires all
    locks first and keeps the lock files, so that it does not interfere with a process that fills the cache.

    Args:
        parts: Names in `PARTS`.
        root: Folder of the cache; None for the default one.

    Returns:
        Freed bytes by part.

    Raises:
        InputError: A part is being written, or the folder contains more than a cache. Nothing is deleted then.
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
    """Reject a cache folder that contains other data."""
    resolved = root.resolve()
    for what, folder in (("your home folder", Path.home()), ("the working directory", Path.cwd())):
        if folder.resolve().is_relative_to(resolved):
            raise InputError(
                f"KEYART_CACHE={root}: {what} is inside it, so nothing is removed; name a folder that"
                f" contains only the cache"
            )


def _empty(folder: Path) -> int:
    """Delete everything in a folder except locks; return the freed bytes."""
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
