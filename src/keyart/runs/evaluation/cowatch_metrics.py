"""Co-watch metrics: does an embedding find films that the same users like, and more than genres do?"""

import math

import numpy as np

from keyart.metrics.result import lift, nan_mean, standard_error
from keyart.recommend.cowatch import CoWatch, concatenate_unit
from keyart.runs.evaluation.posters import EmbeddedPosters
from keyart.utils.vectors import normalise_rows

WEIGHT = 0.5
"""Weight of the embedding in combination with genres."""


def history_metrics(embedded: EmbeddedPosters, watched: CoWatch) -> dict[str, float | None]:
    """Compute ``cowatch/ndcg@10``: each film that enough users liked is a query for the others; see `CoWatch`.

    Returns:
        ``cowatch/ndcg@10``, with the suffixes ``/chance``, ``/frozen``, ``/lift``, ``/left_out``; ``/genres``
        (multi-hot genre vectors alone), ``/with_genres`` (genres ⊕ 0.5 · embedding, each of unit length),
        ``/with_genres/frozen`` (genres ⊕ 0.5 · frozen). For a run's own catalogue also ``/frozen_centred`` and
        ``/with_genres/frozen_centred`` (frozen features minus their mean over the training posters), and all of these
        as ``val/cowatch/…`` and ``test/cowatch/…``, where the films with posters in that split are both queries and
        gallery. ``cowatch/queries``, ``cowatch/gallery`` (films), ``cowatch/unknown_films`` (the catalogue lacks them).
    """
    flat = _compare(embedded, watched)
    flat["cowatch/unknown_films"] = watched.unknown_films
    if embedded.splits is not None:
        for split in ("val", "test"):
            part = _compare(embedded, watched.within(embedded.positions(split)))
            flat |= {f"{split}/{key}": value for key, value in part.items()}
    return flat


def _compare(embedded: EmbeddedPosters, watched: CoWatch) -> dict[str, float | None]:
    name = "cowatch/ndcg@10"
    flat: dict[str, float | None] = {"cowatch/queries": len(watched), "cowatch/gallery": len(watched)}
    if len(watched) < 2:
        return flat | {name: None}
    has = embedded.posters.catalogue.genres
    genres = normalise_rows(np.stack([has[own].any(0) for own in watched.posters]).astype(np.float32))
    ours, frozen = watched.of_films(embedded.embeddings), watched.of_films(embedded.frozen)
    rows = {
        "": ours,
        "/frozen": frozen,
        "/genres": genres,
        "/with_genres": concatenate_unit(genres, ours, WEIGHT),
        "/with_genres/frozen": concatenate_unit(genres, frozen, WEIGHT),
    }
    if embedded.splits is not None:
        centred = watched.of_films(embedded.frozen - embedded.frozen[embedded.positions("train")].mean(0))
        rows |= {"/frozen_centred": centred, "/with_genres/frozen_centred": concatenate_unit(genres, centred, WEIGHT)}
    values = {end: watched.ndcg(vectors) for end, vectors in rows.items()}
    chance = watched.chance()
    means = {end: nan_mean(found) for end, found in values.items()} | {"/chance": nan_mean(chance)}
    flat |= {f"{name}{end}": value if math.isfinite(value) else None for end, value in means.items()}
    flat[f"{name}/lift"] = lift(
        means[""], means["/chance"], means["/frozen"], standard_error(values["/frozen"] - chance)
    )
    flat[f"{name}/left_out"] = int(np.isnan(values[""]).sum())
    return flat
