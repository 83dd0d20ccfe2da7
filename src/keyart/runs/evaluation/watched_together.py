"""Co-watch metrics: does an embedding find films that the same users like, and more than genres do?"""

import math

import numpy as np

from keyart.metrics.result import lift, mean_of, standard_error
from keyart.recommend.cowatch import CoWatch, joined
from keyart.runs.evaluation.posters import Judged
from keyart.utils.vectors import unit_rows

WEIGHT = 0.5
"""Weight of the embedding in combination with genres."""


def history_metrics(judged: Judged, watched: CoWatch) -> dict[str, float | None]:
    """Compute ``cowatch/ndcg@10``: each film that enough users liked is a query for the others; see `CoWatch`.

    Args:
        judged: The catalogue's posters with their embeddings.
        watched: Its films that enough users liked.

    Returns:
        ``cowatch/ndcg@10``, with the suffixes ``/chance``, ``/frozen``, ``/lift``, ``/left_out``; ``/genres``
        (multi-hot genre vectors alone), ``/with_genres`` (genres ⊕ 0.5 · embedding, each of unit length),
        ``/with_genres/frozen`` (genres ⊕ 0.5 · frozen). For a run's own catalogue also ``/frozen_centred`` and
        ``/with_genres/frozen_centred`` (frozen features minus their mean over the training posters), and all of these
        as ``val/cowatch/…`` and ``test/cowatch/…``, where the films with posters in that split are both queries and
        gallery. ``cowatch/queries``, ``cowatch/gallery`` (films), ``cowatch/unknown_films`` (the catalogue lacks them).
    """
    flat = _compare(judged, watched)
    flat["cowatch/unknown_films"] = watched.unknown_films
    if judged.splits is not None:
        for split in ("val", "test"):
            part = _compare(judged, watched.within(judged.positions(split)))
            flat |= {f"{split}/{key}": value for key, value in part.items()}
    return flat


def _compare(judged: Judged, watched: CoWatch) -> dict[str, float | None]:
    name = "cowatch/ndcg@10"
    flat: dict[str, float | None] = {"cowatch/queries": len(watched), "cowatch/gallery": len(watched)}
    if len(watched) < 2:
        return flat | {name: None}
    has = judged.posters.catalogue.genres
    genres = unit_rows(np.stack([has[own].any(0) for own in watched.posters]).astype(np.float32))
    ours, frozen = watched.of_films(judged.embeddings), watched.of_films(judged.frozen)
    rows = {
        "": ours,
        "/frozen": frozen,
        "/genres": genres,
        "/with_genres": joined(genres, ours, WEIGHT),
        "/with_genres/frozen": joined(genres, frozen, WEIGHT),
    }
    if judged.splits is not None:
        centred = watched.of_films(judged.frozen - judged.frozen[judged.positions("train")].mean(0))
        rows |= {"/frozen_centred": centred, "/with_genres/frozen_centred": joined(genres, centred, WEIGHT)}
    values = {end: watched.ndcg(vectors) for end, vectors in rows.items()}
    chance = watched.chance()
    means = {end: mean_of(found) for end, found in values.items()} | {"/chance": mean_of(chance)}
    flat |= {f"{name}{end}": value if math.isfinite(value) else None for end, value in means.items()}
    flat[f"{name}/lift"] = lift(
        means[""], means["/chance"], means["/frozen"], standard_error(values["/frozen"] - chance)
    )
    flat[f"{name}/left_out"] = int(np.isnan(values[""]).sum())
    return flat
