"""Building of an index for a run, from its own posters or from embeddings that ``keyart embed`` wrote."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.retrieval.engines.base import Target
from keyart.retrieval.engines.registry import choose_engine, engines_with, find_engine
from keyart.retrieval.index import PosterIndex, shorten_titles
from keyart.retrieval.unit_vectors import check_unit_vectors
from keyart.runs.run import Run
from keyart.utils.checksums import embedder_digest
from keyart.utils.output_paths import check_output_folder, output_folder

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


def index_run(
    run: Run,
    out: Path | None,
    embeddings: Path | None = None,
    *,
    kind: str | None = None,
    recall: float = 0.95,
    uri: str | None = None,
    collection: str | None = None,
    replace: bool = False,
    report: Say = lambda text: None,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Build an index and save it.

    Args:
        run: The run whose embedder computed the vectors.
        out: The index's folder; may be None if ``uri`` is set.
        embeddings: Folder that ``keyart embed`` wrote; None: the vectors of the run's own index.
        kind: Name of the engine; None: chosen by the number of posters.
        recall: Target recall@10 against exact search; the cheapest parameters that reach it are chosen.
        uri: For ``milvus``: an embedded file or a cluster's address; None: the file ``milvus.db`` in ``out``.
        collection: For ``milvus``: the collection; None: ``keyart``.
        replace: For ``milvus``: drop the contents of another index in the collection at ``uri``.
        report: Called with a message before long steps, if titles are shortened, and if the recall is not reached.
        progress: For ``milvus``: called with the number of stored posters and the total.

    Returns:
        ``posters``, ``dimensions``, ``engine``, ``parameters`` and the measured ``recall@10``.

    Raises:
        InputError: The vectors are missing or from another embedder, or ``out`` cannot be written.
    """
    if not 0 < recall <= 1:
        raise InputError("give a share above 0 and up to 1, such as 0.95", parameter="recall", value=recall)
    if kind is not None:
        find_engine(kind)
    options = {"uri": uri, "collection": collection, "replace": replace or None}
    options = {name: value for name, value in options.items() if value is not None}
    for name in options:
        if kind is None or name not in find_engine(kind).options:
            engines = " or ".join(engines_with(name))
            raise InputError(f"``{name}`` is for ``engine`` {engines}; name that engine")
    if out is None and uri is None:
        raise InputError("name a folder for the index", parameter="out")
    if out is not None:
        check_output_folder("out", out)
    source, notes = _vectors(run, embeddings)
    posters, remark = shorten_titles(source.posters)
    if remark:
        report(remark)
    kind = kind or choose_engine(len(source))
    exact = PosterIndex(source.index, posters, None, notes)
    with output_folder(out, "builds this index") if out is not None else nullcontext():
        built = find_engine(kind).build(exact, Target(out, recall, options, report, progress))
    if (found := built["recall@10"]) < recall:
        report(f"a recall of {recall:g} was not reached: {found:.4f} at the greatest effort; try another engine")
    return {"posters": len(source), "dimensions": source.dimensions, "engine": kind, **built}


def _vectors(run: Run, embeddings: Path | None) -> tuple[PosterIndex, dict[str, Any]]:
    """Return the vectors to index, and the notes of the new index."""
    if embeddings is None:
        source = PosterIndex.load(run.folder / "index", run.embedder_folder)
        check_unit_vectors(source.vectors(), source.posters["id"], lambda row: f"{run.folder / 'index'}: row {row}")
        # The run's own index belongs to the embedder in the same folder; a copy elsewhere must store the digest.
        notes = {**source.notes, "embedder": embedder_digest(run.embedder_folder)}
        if "images" not in notes:
            from keyart.runs.search import images_folder

            notes["images"] = str(images_folder(run, source))
    else:
        from keyart.retrieval.embedding_folder import read_embeddings

        source = read_embeddings(embeddings, embedder_digest(run.embedder_folder), run.folder)
        notes = dict(source.notes)
    return source, notes
