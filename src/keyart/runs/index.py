"""Building of an index for a run, from its own posters or from embeddings that ``keyart embed`` wrote."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from keyart.errors import InputError
from keyart.retrieval.engines.faiss_engine import Kind, build_engine, choose_kind
from keyart.retrieval.index import PosterIndex, shorten_titles
from keyart.retrieval.unit_vectors import check_unit_vectors
from keyart.runs.run import Run
from keyart.utils.checksums import embedder_digest
from keyart.utils.files import write_json
from keyart.utils.output_paths import check_output_folder

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


def index_run(
    run: Run,
    out: Path | None,
    embeddings: Path | None = None,
    *,
    kind: Kind | Literal["milvus"] | None = None,
    recall: float = 0.95,
    uri: str | None = None,
    collection: str | None = None,
    replace: bool = False,
    say: Say = lambda text: None,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Build an index and save it.

    Args:
        run: The run whose embedder computed the vectors.
        out: The index's folder; may be None if ``uri`` is set.
        embeddings: Folder that ``keyart embed`` wrote; None: the vectors of the run's own index.
        kind: Kind of engine; None: chosen by the number of posters.
        recall: Target recall@10 against exact search; the cheapest parameters that reach it are chosen.
        uri: For ``milvus``: an embedded file or a cluster's address; None: the file ``milvus.db`` in ``out``.
        collection: For ``milvus``: the collection; None: ``keyart``.
        replace: For ``milvus``: drop the contents of another index in the collection at ``uri``.
        say: Called with a message before long steps, if titles are shortened, and if the recall is not reached.
        progress: For ``milvus``: called with the number of stored posters and the total.

    Returns:
        ``posters``, ``dimensions``, ``engine``, ``parameters`` and the measured ``recall@10``.

    Raises:
        InputError: The vectors are missing or from another embedder, or ``out`` cannot be written.
    """
    if not 0 < recall <= 1:
        raise InputError(f"--recall {recall:g}: give a share above 0 and up to 1, such as 0.95")
    if kind != "milvus" and (uri is not None or collection is not None or replace):
        raise InputError("--uri, --collection and --replace are for --engine milvus; name that engine")
    if out is None and uri is None:
        raise InputError("--out: name a folder for the index")
    if out is not None:
        check_output_folder("--out", out)
    source, notes = _vectors(run, embeddings)
    posters, remark = shorten_titles(source.posters)
    if remark:
        say(remark)
        source = PosterIndex(source.index, posters, source.engine, source.notes)
    if kind == "milvus":
        source = PosterIndex(source.index, source.posters, None, notes)
        return _into_milvus(source, out, uri, collection, recall, replace, say, progress)
    assert out is not None
    kind = kind or choose_kind(len(source))
    built, found = build_engine(kind, source.index, recall, say)
    _warn(found, recall, say)
    index = PosterIndex(source.index, source.posters, built, {**notes, "recall@10": found})
    try:
        index.save(out)
    except (OSError, RuntimeError) as error:
        told = str(error).strip().partition("\n")[0]
        raise InputError(f"--out {out}: cannot be written ({told}); name another folder") from None
    parameters = {} if built is None else {"effort": built.effort, "rescored": built.rescored}
    return _told(source, kind, parameters, found)


def _vectors(run: Run, embeddings: Path | None) -> tuple[PosterIndex, dict[str, Any]]:
    """Return the vectors to index, and the notes of the new index."""
    if embeddings is None:
        source = PosterIndex.load(run.folder / "index", run.folder / "embedder")
        check_unit_vectors(source.vectors(), source.posters["id"], lambda row: f"{run.folder / 'index'}: row {row}")
        # The run's own index belongs to the embedder in the same folder; a copy elsewhere must store the digest.
        notes = {**source.notes, "embedder": embedder_digest(run.folder / "embedder")}
        if "images" not in notes:
            from keyart.runs.search import images_folder

            notes["images"] = str(images_folder(run, source))
    else:
        from keyart.retrieval.embedding_folder import read_embeddings

        source = read_embeddings(embeddings, embedder_digest(run.folder / "embedder"), run.folder)
        notes = dict(source.notes)
    return source, notes


def _into_milvus(
    source: PosterIndex,
    out: Path | None,
    uri: str | None,
    collection: str | None,
    recall: float,
    replace: bool,
    say: Say,
    progress: Progress,
) -> dict[str, Any]:
    from keyart.retrieval.engines.milvus_build import build_milvus
    from keyart.retrieval.engines.milvus_client import check_uri, is_file, shown
    from keyart.retrieval.engines.milvus_index import COLLECTION
    from keyart.retrieval.index import VERSION

    name = collection or COLLECTION
    # A file in the index's own folder belongs to the index and is overwritten, as with any other engine.
    where = uri if uri is not None else str(out and out / "milvus.db")
    check_uri(where)
    if is_file(where):
        where = str(Path(where).expanduser().resolve())
    index, found = build_milvus(
        source, where, name, recall=recall, replace=replace or uri is None, report=say, progress=progress
    )
    index.close()
    _warn(found, recall, say)
    effort = {"effort": index.about["effort"]}
    if out is not None:
        told = {"version": VERSION, "engine": "milvus", "collection": name}
        told |= {"uri": "milvus.db" if uri is None else shown(where), "posters": len(source)}
        told |= {"dimensions": source.dimensions, "parameters": effort, **index.notes}
        try:
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "index.json", told)
        except OSError as error:
            raise InputError(f"--out {out}: cannot be written ({error.strerror}); name another folder") from None
    return _told(source, "milvus", effort, found) | {"uri": shown(where), "collection": name}


def _warn(found: float, recall: float, say: Say) -> None:
    if found < recall:
        say(f"the wanted recall of {recall:g} is not reached: {found:.4f} at the greatest effort; try another --engine")


def _told(source: PosterIndex, kind: str, parameters: dict[str, Any], found: float) -> dict[str, Any]:
    return {
        "posters": len(source),
        "dimensions": source.dimensions,
        "engine": kind,
        "parameters": parameters,
        "recall@10": found,
    }
