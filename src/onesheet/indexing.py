"""Building an index for a run: of its own posters, or of embeddings that it made of others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from onesheet.errors import InputError
from onesheet.retrieval.engines import Kind, build_engine, choose_kind
from onesheet.retrieval.index import PosterIndex
from onesheet.retrieval.integrity import embedder_digest
from onesheet.run import Run


def index_run(
    run: Run,
    out: Path,
    embeddings: Path | None = None,
    *,
    kind: Kind | None = None,
    recall: float = 0.95,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Build an index and save it.

    Args:
        run: Whose embedder made the vectors.
        out: The index's folder.
        embeddings: What ``onesheet embed`` wrote; None: the vectors of the run's own index.
        kind: How it searches; None: chosen by the number of posters.
        recall: Wanted recall@10 against exact search; parameters are the least that reach it.
        say: Told what takes long, and when the recall is not reached.

    Returns:
        ``posters``, ``dimensions``, ``engine``, ``parameters`` and the measured ``recall@10``.

    Raises:
        InputError: There are no such vectors, they are another embedder's, or ``out`` cannot be written.
    """
    if not 0 < recall <= 1:
        raise InputError(f"--recall {recall:g}: give a share above 0 and up to 1, such as 0.95")
    if embeddings is None:
        source = PosterIndex.load(run.folder / "index", run.folder / "embedder")
        # The run's own index knows its embedder by lying beside it; a copy must carry the digest.
        notes = {**source.notes, "embedder": embedder_digest(run.folder / "embedder")}
        if "images" not in notes:
            from onesheet.searching import images_folder

            notes["images"] = str(images_folder(run, source))
    else:
        from onesheet.embed_job import read_embeddings

        source = read_embeddings(run, embeddings)
        notes = source.notes
    kind = kind or choose_kind(len(source))
    built, found = build_engine(kind, source.index, recall, say)
    if found < recall:
        say(f"the wanted recall of {recall:g} is not reached: {found:.4f} at the greatest effort; try another --engine")
    index = PosterIndex(source.index, source.posters, built, {**notes, "recall@10": found})
    try:
        index.save(out)
    except (OSError, RuntimeError) as error:
        told = str(error).strip().partition("\n")[0]
        raise InputError(f"--out {out}: cannot be written ({told}); name another folder") from None
    parameters = {} if built is None else {"effort": built.effort, "rescored": built.rescored}
    return {
        "posters": len(source),
        "dimensions": source.index.d,
        "engine": kind,
        "parameters": parameters,
        "recall@10": found,
    }
