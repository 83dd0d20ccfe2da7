"""Evaluation on pairs: does other artwork of a film find the film's own poster?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from keyart.catalogue.aliases import normalise_name
from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.image_folder import IMAGE_SUFFIXES, ImageFolder, stem
from keyart.catalogue.problems import Problem, RowCounts, describe_problems
from keyart.catalogue.table import RawTable, read_table, similar_files, table_faults
from keyart.catalogue.values import as_key, as_text
from keyart.errors import InputError
from keyart.images.pixel_cache import PixelCache, open_pixels
from keyart.metrics.pairs import pairs_recall
from keyart.metrics.result import lift
from keyart.runs.evaluation.posters import EmbeddedPosters
from keyart.utils.paths import user_path
from keyart.utils.progress import progress_bar

COLUMNS = ("img", "other_img")


@dataclass(frozen=True, eq=False)
class Artwork:
    """P pairs of a poster and other artwork of its film.

    Attributes:
        targets: (P,) int64, position of each pair's poster in the catalogue.
        pixels: The P artworks.
        account: Counts of the table's rows: used and faulty.
        summary: The same as one line of text, with the problems of the rows that are left out.
    """

    targets: np.ndarray
    pixels: PixelCache
    account: RowCounts
    summary: str


def open_pairs(
    table: Path, folder: Path | None, catalogue: Catalogue, image_size: tuple[int, int], *, skip: bool = False
) -> Artwork:
    """Read a table of pairs (``img,other_img``) and decode the other artwork.

    Args:
        table: CSV or Parquet. ``img`` names a poster as the catalogue does (by its file or its id).
        folder: Folder of the files ``other_img``; None: the table's own folder.
        catalogue: The posters.
        image_size: (height, width) in pixels.
        skip: Leave out invalid rows.

    Raises:
        InputError: The table or the folder cannot be read, no row is valid, or, without ``skip``, a row is invalid: one
            message lists all of them.
    """
    source = user_path(table).absolute()
    root = user_path(folder).absolute() if folder is not None else source.parent
    if faults := table_faults(source, "pairs"):
        raise InputError(faults[0])
    if not root.is_dir():
        near = f"; near it: {', '.join(similar_files(root))}" if similar_files(root) else ""
        raise InputError(f"{root}: no such folder of other artwork{near}; name it with ``other_images``")
    raw = read_table(source, each="pair")
    names, others = (_column(raw, name, source) for name in COLUMNS)
    known = _Known(catalogue)
    files = ImageFolder(root)
    problems, targets, paths, rows = list(raw.problems), [], [], []
    for line, name, other in zip(raw.lines, names, others, strict=True):
        target = known.find(name)
        below = files.relative_path(other) if other else None
        found = files.find(below) if below else None
        if target is None:
            fix = "name a poster of the catalogue"
            problems.append(
                Problem(int(line), "", name, "unknown img", f"{name!r} is not in {catalogue.source.name}", fix)
            )
        elif found is None:
            fix = "put it there, or name its folder"
            problems.append(Problem(int(line), "", other, "missing other_img", f"{root} holds no {other!r}", fix))
        else:
            targets.append(target)
            paths.append(root / found)
            rows.append(int(line))
    with progress_bar("decoding other artwork") as report:
        pixels, good, bad = open_pixels(paths, image_size, progress=report)
    problems += [Problem(rows[i], "", paths[i].name, why.kind, why.detail, why.fix) for i, why in sorted(bad.items())]
    if problems and (not skip or not len(good)):
        fix = "; ``on_bad_poster=skip`` leaves such rows out" if len(good) else ""
        raise InputError(f"{source}: {describe_problems(problems)}{fix}")
    account = RowCounts.of(raw.rows, len(good), problems, "pair")
    summary = f"{source}: {account}{f': {describe_problems(problems, 3)}' if problems else ''}"
    return Artwork(np.array(targets, dtype=np.int64)[good], pixels, account, " ".join(summary.split()))


def pairs_metrics(
    embedded: EmbeddedPosters, artwork: Artwork, embeddings: np.ndarray, frozen: np.ndarray, sizes: Sequence[int] = ()
) -> dict[str, float | None]:
    """Compute the recall of pairs in the whole catalogue, nothing excluded, with chance and frozen backbone.

    Args:
        embedded: The catalogue's posters with their embeddings.
        artwork: The pairs.
        embeddings: (P, E) of the other artwork.
        frozen: (P, F) of the other artwork.
        sizes: Numbers of leading dimensions of each embedding to search by too.

    Returns:
        ``pairs/recall@1`` and ``pairs/recall@10``, each with ``/chance``, ``/frozen`` and ``/lift``; ``pairs/queries``
        and ``pairs/gallery``, and ``pairs/left_out`` if rows were left out. For a run's own catalogue also
        ``val/pairs/…`` and ``test/pairs/…``: the pairs whose poster is in that split, in the same gallery. For each of
        ``sizes`` ``pairs/size/<size>/recall@10`` and ``…/recall@1``, with ``/lift``.
    """
    flat = _recall(embedded, artwork.targets, embeddings, frozen)
    for size in sizes:
        cut = replace(embedded, embeddings=embedded.embeddings[:, :size])
        own = _recall(cut, artwork.targets, embeddings[:, :size], frozen)
        for key in (f"recall@{k}{end}" for k in (1, 10) for end in ("", "/lift")):
            flat[f"pairs/size/{size}/{key}"] = own[f"pairs/{key}"]
    if artwork.account.faults:
        flat["pairs/left_out"] = artwork.account.faults
    if embedded.splits is not None:
        for split in ("val", "test"):
            some = embedded.splits[artwork.targets] == split
            part = _recall(embedded, artwork.targets[some], embeddings[some], frozen[some])
            flat |= {f"{split}/{key}": value for key, value in part.items()}
    return flat


def _recall(
    embedded: EmbeddedPosters, targets: np.ndarray, embeddings: np.ndarray, frozen: np.ndarray
) -> dict[str, float | None]:
    ids = embedded.posters.catalogue.ids
    found, base = (
        pairs_recall(torch.from_numpy(np.array(queries)), torch.from_numpy(np.array(gallery)), targets, ids=ids)
        for queries, gallery in ((embeddings, embedded.embeddings), (frozen, embedded.frozen))
    )
    flat: dict[str, float | None] = {}
    for key, value in found.items():
        flat[key] = value
        if f"{key}/chance" in found:
            chance, share = found[f"{key}/chance"], base[key]
            flat[f"{key}/frozen"], flat[f"{key}/lift"] = share, None
            if value is not None and chance is not None and share is not None:
                # Standard error of a share: a query's recall is 0 or 1, and chance is the same for every query.
                error = math.sqrt(share * (1 - share) / (len(targets) - 1)) if len(targets) > 1 else math.nan
                flat[f"{key}/lift"] = lift(value, chance, share, error)
    return flat


def _column(raw: RawTable, name: str, source: Path) -> list[str]:
    at = [i for i, found in enumerate(raw.names) if normalise_name(found) == normalise_name(name)]
    if len(at) != 1:
        found_names = ", ".join(f"`{found}`" for found in raw.names[:20])
        raise InputError(f"{source}: {len(at)} columns `{name}` where one is needed; found {found_names}")
    return [as_text(cell) for cell in raw.columns[at[0]]]


class _Known:
    """Lookup of a catalogue's posters by the names in a table of pairs: a file or an id."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._folder = ImageFolder(catalogue.root)
        self._by_file = {str(file): at for at, file in enumerate(catalogue.files)}
        self._by_id = {as_key(one) or str(one): at for at, one in enumerate(catalogue.ids)}
        self._files = catalogue.files

    def find(self, name: str) -> int | None:
        """Return the position of a poster; None if none has this name."""
        written = (self._folder.relative_path(name) or name).replace("\\", "/")
        if written in self._by_file:
            return self._by_file[written]
        if not written.casefold().endswith(IMAGE_SUFFIXES):
            return self._by_id.get(as_key(written))
        # For a file that the catalogue lacks, the stem counts as an id only if that poster's file has the same stem:
        # `862.jpg` need not show the film with id 862.
        at = self._by_id.get(as_key(stem(written)))
        return at if at is not None and as_key(stem(self._files[at])) == as_key(stem(written)) else None
