"""Embedding of a catalogue in parts: resumable, and in shards that several machines compute in parallel.

Posters are divided into pieces of 1,024. Shard i of n embeds pieces i − 1, i − 1 + n, …. Each piece is one Parquet file
that is written atomically. So an interrupted job resumes with the missing pieces, with any number of shards.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.problems import Problem, summarise
from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError
from keyart.retrieval.embedding_folder import (
    PART_SIZE,
    folder_metadata,
    part_notes,
    part_path,
    read_embeddings,
    write_part,
)
from keyart.retrieval.index import PosterIndex, catalogue_table
from keyart.retrieval.unit_vectors import check_unit_vectors
from keyart.runs.run import Run
from keyart.utils.cache import cache_folder
from keyart.utils.checksums import embedder_digest
from keyart.utils.output_paths import output_folder
from keyart.utils.reading import read_bytes

_READ = 128  # number of files in memory at a time
OnBad = Literal["error", "skip"]
Decoder = Literal["pillow", "nvjpeg"]
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Embedded:
    """Result of embedding one shard.

    Attributes:
        posters: Number of posters in the shard's parts.
        computed: Number of these that this job embedded; the others existed already.
        skipped: Posters of the shard that are invalid, as ``{"id", "img", "problem"}``; in the first shard also all
            rows of the table that are invalid.
    """

    posters: int
    computed: int
    skipped: list[dict[str, str]]


def parse_shard(text: str) -> tuple[int, int]:
    """Parse a shard ``i/n``: its number, counted from 1, and the number of shards.

    Raises:
        InputError: The text does not have this form.

    Examples:
        >>> parse_shard("2/8")
        (2, 8)
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError("write i/n, with i from 1 to n, such as 1/8", parameter="shard", value=text)
    return int(match[1]), int(match[2])


def embed_catalogue(
    run: Run,
    catalogue: Path,
    images: Path | None,
    out: Path,
    *,
    shard: tuple[int, int] = (1, 1),
    on_bad_poster: OnBad = "error",
    decoder: Decoder = "pillow",
    progress: Report = lambda done, total: None,
) -> Embedded:
    """Embed a catalogue, or one shard (i, n) of it, into Parquet parts; see `keyart.Run.embed_catalogue`."""
    if decoder == "nvjpeg":
        from keyart.images import nvjpeg

        nvjpeg.check_nvjpeg()
    table, problems = read_catalogue(catalogue, images, require_genres=False)
    if problems and on_bad_poster == "error":
        raise InputError(summarise(problems, table.source))
    if not len(table):
        raise InputError(f"{catalogue}: no posters; give a table with at least one")
    with output_folder(out, f"embeds shard {shard[0]}/{shard[1]}", f"{shard[0]}-of-{shard[1]}"):
        return _embed_shard(run, table, problems, out, shard, on_bad_poster, decoder, progress)


def catalogue_index(
    run: Run,
    catalogue: Path,
    images: Path | None = None,
    *,
    report: Callable[[str], None] = lambda text: None,
    progress: Report = lambda done, total: None,
) -> PosterIndex:
    """Embed a catalogue into an index in memory; its embeddings are cached until an image or the table changes.

    Args:
        run: The run whose embedder is used.
        catalogue: The table of posters.
        images: Their folder; None: the table's own.
        report: Called with a line about posters that are left out.
        progress: Called with the number of finished posters and their total.

    Raises:
        InputError: The table cannot be read, or has no valid poster.
    """
    table, problems = read_catalogue(catalogue, images, require_genres=False)
    digest = embedder_digest(run.embedder_folder)
    key = hashlib.blake2b(f"{digest} {table.fingerprint()} {table.root.resolve()}".encode(), digest_size=16)
    for path in table.paths:
        state = path.stat()
        key.update(f" {state.st_size} {state.st_mtime_ns}".encode())
    folder = cache_folder("embeddings") / key.hexdigest()
    done = embed_catalogue(run, catalogue, images, folder, on_bad_poster="skip", progress=progress)
    if problems or done.skipped:
        report(summarise(problems, table.source) or f"{catalogue}: {len(done.skipped)} posters are left out")
    return read_embeddings(folder, digest, run.folder)


def _embed_shard(
    run: Run,
    table: Catalogue,
    problems: list[Problem],
    out: Path,
    shard: tuple[int, int],
    on_bad_poster: OnBad,
    decoder: Decoder,
    progress: Report,
) -> Embedded:
    """Embed the pieces of a shard that the folder does not have."""
    about = _describe_folder(run, table, out, decoder)
    pieces = [np.arange(at, min(at + PART_SIZE, len(table))) for at in range(0, len(table), PART_SIZE)]
    own = range(shard[0] - 1, len(pieces), shard[1])
    total = sum(len(pieces[piece]) for piece in own)
    done = computed = posters = 0
    # Rows that the reader left out are in no piece: the first shard lists them.
    skipped = _as_skipped(problem for problem in problems if not problem.row_is_usable) if shard[0] == 1 else []
    for piece in own:
        path = part_path(out, piece)
        if not path.is_file():
            computed += _embed_piece(run, table.select(pieces[piece]), path, on_bad_poster, decoder, about)
        found = part_notes(path)
        posters += found["posters"]
        skipped += found["skipped"]
        done += len(pieces[piece])
        progress(done, total)
    return Embedded(posters, computed, skipped)


def _describe_folder(run: Run, table: Catalogue, out: Path, decoder: Decoder) -> dict[str, Any]:
    """Check that existing parts in the folder match this job, and return the metadata for new parts."""
    about = {
        "version": 1,
        "embedder": embedder_digest(run.embedder_folder),
        "catalogue": table.fingerprint(),
        "images": str(table.root.resolve()),
        "posters": len(table),
        "dimensions": run.embedder.embedding_size,
        **({} if decoder == "pillow" else {"decoder": decoder}),
    }
    known = folder_metadata(out)
    for key, what in (
        ("embedder", "another embedder's"),
        ("catalogue", "of another catalogue"),
        ("decoder", f"of images by {(known or {}).get('decoder', 'pillow')}"),
    ):
        if known is not None and known.get(key) != about.get(key):
            raise InputError(f"the embeddings in it are {what}; name another folder", parameter="out", value=out)
    return about


def _embed_piece(
    run: Run,
    part: Catalogue,
    path: Path,
    on_bad_poster: OnBad,
    decoder: Decoder,
    about: dict[str, Any],
) -> int:
    """Embed the posters of one part, write it, and return their number."""
    encoder = run.encoder()
    pixels, bad = _decode(part, run.image_size, str(encoder.device) if decoder == "nvjpeg" else None)
    if bad and on_bad_poster == "error":
        raise InputError(summarise(list(bad.values()), part.source))
    good = np.array([at for at in range(len(part)) if at not in bad], dtype=np.int64)
    vectors = encoder.encode(pixels)
    found = _as_skipped(bad.values())
    posters = catalogue_table(part.select(good))
    if len(good):
        check_unit_vectors(vectors, posters["id"], lambda row: f"{part.source}: poster {posters['img'][row]}")
    try:
        write_part(path, posters, vectors, found, about)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error}); name another folder", parameter="out", value=path.parent
        ) from None
    return len(good)


def _as_skipped(problems: Iterable[Problem]) -> list[dict[str, str]]:
    return [{"id": p.id, "img": p.file, "problem": f"{p.kind}: {p.detail}"} for p in problems]


def _decode(
    part: Catalogue, image_size: tuple[int, int], by: str | None = None
) -> tuple[np.ndarray, dict[int, Problem]]:
    """Decode (M, H, W, 3) uint8 pixels of the valid posters, and return the problems of the others by position.

    Args:
        part: The posters.
        image_size: (height, width).
        by: The device whose decoder decodes the JPEG files that it supports; None: Pillow decodes all.
    """
    from keyart.images.decode import MOST_BYTES, BadImage, decode_poster, quiet_pillow

    def read(path: Path) -> bytes | BadImage:
        try:
            return read_bytes(path, MOST_BYTES)
        except OSError as error:
            return BadImage("unreadable image", error.strerror or "no such file", "make the file readable")

    def decode(path: Path, by_device: np.ndarray | None) -> np.ndarray | BadImage:
        if by_device is not None:
            return by_device
        data = read(path)
        if isinstance(data, BadImage):
            return data
        try:
            return decode_poster(data, image_size)
        except BadImage as why:
            return why

    with quiet_pillow(), ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
        done: list[np.ndarray | None] = [None] * len(part)
        if by is not None:
            from keyart.images.nvjpeg import decode_jpegs

            for start in range(0, len(part), _READ):
                files = [
                    b"" if isinstance(x, BadImage) else x for x in pool.map(read, part.paths[start : start + _READ])
                ]
                done[start : start + len(files)] = decode_jpegs(files, image_size, by)
        results = list(pool.map(decode, part.paths, done))
    rows = part.rows if part.rows is not None else np.arange(len(part)) + 2
    bad = {
        at: Problem(int(rows[at]), str(part.ids[at]), str(part.files[at]), why.kind, why.detail, why.fix)
        for at, why in enumerate(results)
        if isinstance(why, BadImage)
    }
    good = [pixels for pixels in results if isinstance(pixels, np.ndarray)]
    return np.stack(good) if good else np.empty((0, *image_size, 3), np.uint8), bad
