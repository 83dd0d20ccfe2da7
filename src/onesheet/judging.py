"""How good is an embedding: judged on a split of its run, or on posters that it has never seen."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch

from onesheet.catalogue import Relevance, read_catalogue
from onesheet.embedding import Backbone, Embedder, cached_features, load_frozen
from onesheet.errors import InputError
from onesheet.images import Posters, load_posters
from onesheet.progress import progress_bar
from onesheet.retrieval import Judgement, evaluate_retrieval, merge_frozen
from onesheet.run import Run


def judge(
    embeddings: np.ndarray | torch.Tensor, posters: Posters, kind: str, at: np.ndarray | None = None
) -> Judgement:
    """Judge embeddings of posters, each searching all others, by the genre relation ``kind``.

    Args:
        embeddings: (N, E) one a poster, L2-normalised or not.
        posters: The N posters.
        kind: Relevance kind of the yardstick.
        at: Positions to judge, a split say: queries and gallery alike. None: all.
    """
    at = np.arange(len(posters.catalogue)) if at is None else at
    part = posters.catalogue.select(at)
    return evaluate_retrieval(
        torch.as_tensor(embeddings[at]),
        part.genres,
        part.ids,
        relevance=Relevance.fit(kind, part.genres),
        genre_names=part.genre_names,
        years=part.years,
        groups=posters.groups[at],
    )


def embed_and_frozen(
    run: Run, embedder: Embedder, posters: Posters, *, precision: str = "auto", batch_size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """(N, E) embeddings of posters and (N, F) pooled features of the run's frozen backbone; cached as features are."""

    def features_of(backbone: Backbone, text: str) -> np.ndarray:
        with progress_bar(text) as report:
            return cached_features(
                backbone, posters.pixels, precision=precision, batch_size=batch_size, progress=report
            )

    features = features_of(embedder.backbone, "embedding posters")
    with torch.inference_mode():
        parts = [
            embedder.from_features(torch.from_numpy(np.array(f)))
            for f in np.array_split(features, -(-len(features) // 4096))
        ]
    frozen_backbone = load_frozen(run.folder / "embedder")
    # The cache knows an untouched backbone by its weights: nothing is computed twice.
    frozen = features_of(frozen_backbone, "frozen features")[:, : frozen_backbone.num_features]
    return torch.cat(parts).numpy(), np.asarray(frozen, dtype=np.float32)


def evaluate_run(
    run: Run,
    catalogue: Path | None = None,
    images: Path | None = None,
    *,
    relevance: str | None = None,
    on_bad_poster: Literal["error", "skip"] = "error",
) -> dict[str, float | None]:
    """Judge a run's embedder beside chance and its frozen backbone.

    Args:
        run: A finished run.
        catalogue: A table of posters: all of them search all of them, under the name ``eval``. None: the run's own
            posters, its test split in itself, under the name ``test``.
        images: The folder of the catalogue's images; None: the table's own.
        relevance: The yardstick's relation; None: the run's ``evaluation.relevance``.
        on_bad_poster: ``error`` or ``skip``.

    Returns:
        Flat metrics, as ``metrics.json`` holds them.

    Raises:
        InputError: The posters cannot be read, or the run's own are no longer what they were.
    """
    own = catalogue is None
    if own:
        import json

        dataset = json.loads((run.folder / "environment.json").read_text())["dataset"]
        catalogue, images = Path(dataset["catalogue"]), Path(dataset["images"])
        if not catalogue.is_file():
            raise InputError(
                f"{catalogue}: the run's own catalogue is gone; name posters with --catalogue and --images"
            )
        on_bad_poster = run.config["data"]["on_bad_poster"]
    assert catalogue is not None
    table, problems = read_catalogue(catalogue, images)
    with progress_bar("decoding posters") as report:
        posters = load_posters(table, problems, image_size=run.image_size, on_bad_poster=on_bad_poster, progress=report)
    at = None
    if own:
        split = run.splits.reindex(posters.catalogue.ids)
        if split.isna().any():
            raise InputError(
                f"{catalogue}: it holds posters that the run has not seen ({split.index[split.isna()][0]}, say);"
                " name it with --catalogue to judge all of them"
            )
        at = np.flatnonzero(split.to_numpy() == "test")
    kind = relevance or run.config["evaluation"]["relevance"]
    embeddings, frozen = embed_and_frozen(run, run.embedder(), posters, precision=run.config["training"]["precision"])
    return merge_frozen(
        judge(embeddings, posters, kind, at), judge(frozen, posters, kind, at), "test" if own else "eval"
    )
