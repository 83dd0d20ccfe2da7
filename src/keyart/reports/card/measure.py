"""Measurements of a dataset card: the content of ``card.json`` and the data for its pictures."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError
from keyart.images.audit import Audit, Positions, audit_posters
from keyart.images.complexity import MEASURES, measured_complexity
from keyart.images.duplicates import near_duplicate_components
from keyart.images.posters import Posters, load_posters
from keyart.reports.card.advice import suggest_settings
from keyart.reports.card.cleanliness import summarise_cleanliness
from keyart.reports.card.detail_kept import detail_kept
from keyart.reports.card.label_suspects import LabelIssues, SuspectFinder
from keyart.reports.card.labels import disagreeing, summarise_labels, summarise_metrics, summarise_suspects
from keyart.reports.card.measurements import measure_set, measure_space, summarise_entropies
from keyart.reports.card.references import PUBLISHED, SIZE, ImageSet, load_reference_sets, sample, shrink
from keyart.reports.card.triplet_angles import beyond, triplet_angles
from keyart.runs.run import Run
from keyart.utils.progress import progress_bar

BACKBONE = "tf_efficientnet_lite0.in1k"
IMAGE_SIZE = (256, 176)
FEWEST_POSTERS = 20
EXTREMES = 10
MAX_COMPARED = 20_000
"""Maximum number of posters for the pairwise distances of an intrinsic dimension; larger catalogues are sampled."""

Say = Callable[[str], None]


@dataclass(eq=False)
class Facts:
    """The facts of a dataset card.

    Attributes:
        content: Content of ``card.json``.
        posters: The usable posters.
        audit: Audit of these posters.
        entropies: (N, 3) entropies, in the order of `MEASURES`.
        curves: Cumulative shares of variance, by space.
        lookalikes: Pairs of positions, most similar first.
        suspects: Posters ranked by how badly their genres fit their look.
        seconds: Duration of each part.
    """

    content: dict[str, Any]
    posters: Posters
    audit: Audit
    entropies: np.ndarray
    curves: dict[str, np.ndarray]
    lookalikes: list[Positions]
    suspects: LabelIssues
    seconds: dict[str, float] = field(default_factory=dict)


class _Clock:
    """Timer of the card's parts; it reports nothing before `speak`, so that an input error prints one line only."""

    def __init__(self, report: Say) -> None:
        self._say, self.seconds = report, dict[str, float]()
        self._silent = True

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 2)
        if not self._silent:
            self._tell(name)

    def speak(self) -> None:
        """Report the parts measured so far, and from now on each part when it ends."""
        self._silent = False
        for name in self.seconds:
            self._tell(name)

    def _tell(self, name: str) -> None:
        self._say(f"{name}: {self.seconds[name]:.1f} s")


def measure_facts(
    catalogue: Path,
    images: Path | None,
    *,
    run: Run | None = None,
    compare: Sequence[str] = (),
    report: Say = lambda _: None,
) -> Facts:
    """Measure all facts of a catalogue's dataset card.

    Args:
        catalogue: Path of the table.
        images: Folder of the images; None uses the folder that the table names.
        run: A finished run; its embeddings and its frozen backbone are measured.
        compare: Image sets for comparison, see `load_reference_sets`.
        report: Called with a message on each part and its duration.

    Raises:
        InputError: The table, the folder or a set is not available, or fewer than 20 posters are usable.
    """
    clock = _Clock(report)
    with clock.part("reading"):
        table, problems = read_catalogue(catalogue, images)
    with clock.part("reference sets"):
        references = load_reference_sets(compare, report)
    with clock.part("decoding"), progress_bar("decoding posters") as progress:
        posters = load_posters(table, problems, image_size=IMAGE_SIZE, on_bad_poster="skip", progress=progress)
    if len(posters) < FEWEST_POSTERS:
        raise InputError(f"{catalogue}: {len(posters)} posters can be used; a card needs at least {FEWEST_POSTERS}")
    clock.speak()
    with clock.part("features"):
        name, frozen, embeddings = _vectors(posters, table, problems, run)
    with clock.part("cleanliness"):
        audit = audit_posters(posters)
        cleanliness, alike = summarise_cleanliness(posters, audit, frozen)
    with clock.part("complexity"), progress_bar("measuring complexity") as progress:
        entropies = measured_complexity(posters.pixels, progress)
    with clock.part("intrinsic dimension"):
        spaces, curves = _spaces(posters, frozen, embeddings)
    with clock.part("comparison"):
        sets = [measure_set(one) for one in (_own(posters), *references)]
    with clock.part("labels"):
        genres = posters.catalogue.genres
        labels = summarise_labels(posters.catalogue)
        labels["metrics"] = summarise_metrics(frozen, posters)
        labels["disagreeing_duplicates"] = disagreeing(posters.catalogue, audit.near)
    with clock.part("suspects"):
        finder = SuspectFinder(frozen, near_duplicate_components(posters.pixels))
        suspects = finder.find(genres)
        labels["suspects"] = summarise_suspects(suspects, posters.catalogue)
        labels["suspects_found"] = finder.injected_errors(genres)
    with clock.part("advice"):
        angles = triplet_angles(frozen, genres)
        measured = {
            "posters": len(posters),
            "image_size": list(IMAGE_SIZE),
            "backbone": name,
            "intrinsic_dimension": spaces,
            "labels": labels,
            "cleanliness": cleanliness,
            "detail": detail_kept(posters.pixels),
            "angles": summarise_angles(angles),
        }
        advice = suggest_settings(measured)
    content = {
        "catalogue": {
            "source": str(posters.catalogue.source),
            "images": str(posters.catalogue.root),
            "posters": len(posters),
            "left_out": len(table) - len(posters) + len({p.row for p in problems if not p.row_is_usable}),
            "fingerprint": posters.catalogue.fingerprint(),
            "run": str(run.folder) if run is not None else None,
            "backbone": name,
        },
        "complexity": {
            **summarise_entropies(entropies),
            "image_size": list(IMAGE_SIZE),
            "grey": "ITU-R 601",
            "simplest": [str(posters.catalogue.ids[at]) for at in extremes(entropies, posters.groups)[0]],
            "most_complex": [str(posters.catalogue.ids[at]) for at in extremes(entropies, posters.groups)[1]],
        },
        "intrinsic_dimension": spaces,
        "references": {"image_size": list(SIZE), "sets": sets, "published": [dict(one) for one in PUBLISHED]},
        "labels": labels,
        "cleanliness": cleanliness,
        "detail": measured["detail"],
        "angles": measured["angles"],
        "advice": advice,
    }
    return Facts(content, posters, audit, entropies, curves, alike, suspects, clock.seconds)


def extremes(entropies: np.ndarray, groups: np.ndarray, most: int = EXTREMES) -> tuple[list[int], list[int]]:
    """Return the positions of the simplest and the most complex posters by delentropy, one per near-duplicate group."""
    first = np.unique(groups, return_index=True)[1]
    order = first[np.argsort(entropies[first, MEASURES.index("delentropy")], kind="stable")]
    return [int(at) for at in order[:most]], [int(at) for at in order[::-1][:most]]


def _vectors(posters: Posters, table: Any, problems: Any, run: Run | None) -> tuple[str, np.ndarray, np.ndarray | None]:
    """Return the name and features of the frozen backbone, and the run's embeddings (None without a run)."""
    from keyart.models.backbone_factory import create_backbone
    from keyart.models.feature_cache import cached_features

    if run is None:
        backbone = create_backbone(BACKBONE, image_size=IMAGE_SIZE)
        with progress_bar("frozen features") as report:
            features = cached_features(backbone, posters.pixels, progress=report)
        return BACKBONE, np.asarray(features, dtype=np.float32), None
    from keyart.models.backbone_names import join_names
    from keyart.runs.evaluation.posters import embed_and_frozen

    seen = posters
    if run.image_size != IMAGE_SIZE:
        with progress_bar("decoding posters") as report:
            seen = load_posters(table, problems, image_size=run.image_size, on_bad_poster="skip", progress=report)
        if len(seen) != len(posters):
            raise InputError(f"{table.source}: its images changed while they were read; start again")
    embeddings, frozen = embed_and_frozen(run, run.embedder, seen, precision=run.precision)
    return join_names(run.setting("model", "backbone")), frozen, embeddings


def _spaces(
    posters: Posters, frozen: np.ndarray, embeddings: np.ndarray | None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure the dimension of pixels at 32×32 and of L2-normalised features and embeddings, as used in search."""
    at = sample(len(posters), MAX_COMPARED)
    small = shrink([posters.pixels[int(i)] for i in at])
    vectors = {"pixels": small.reshape(len(small), -1).astype(np.float32), "frozen": _unit(frozen[at])}
    if embeddings is not None:
        vectors["embeddings"] = _unit(embeddings[at])
    summary, curves = {}, {}
    for name, rows in vectors.items():
        summary[name], found = measure_space(rows, posters.groups[at])
        curves[name] = found.spectrum.shares
    return summary, curves


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def _own(posters: Posters) -> ImageSet:
    """Return the catalogue as a set for comparison: one poster of each near-duplicate group."""
    first = np.unique(posters.groups, return_index=True)[1]
    chosen = first[sample(len(first))]
    images = shrink([posters.pixels[int(at)] for at in chosen])
    height, width = IMAGE_SIZE
    return ImageSet("this catalogue", images, len(posters), f"{width}×{height} (cache)", str(posters.catalogue.source))


def summarise_angles(angles: np.ndarray) -> dict[str, Any]:
    """Summarise the angles of triplets as in ``card.json``."""
    if not len(angles):
        return {"triplets": 0, "median": None, "5%": None, "95%": None, "99%": None, "largest": None, "beyond": {}}
    low, middle, high, higher = np.quantile(angles, [0.05, 0.5, 0.95, 0.99])
    return {
        "triplets": len(angles),
        "median": float(middle),
        "5%": float(low),
        "95%": float(high),
        "99%": float(higher),
        "largest": float(angles.max()),
        "beyond": beyond(angles),
    }
