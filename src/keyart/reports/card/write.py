"""Writing a dataset card: one page, one JSON file and the pictures."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.reports.card.charts import (
    OWN,
    draw_co_occurrence,
    draw_complexity,
    draw_dimension,
    draw_genres,
    draw_references,
)
from keyart.reports.card.measure import Facts, Say, measure_facts
from keyart.reports.card.poster_sheets import draw_sheets, shown_positions
from keyart.reports.card.references import OFFLINE
from keyart.reports.card.sections import card_page
from keyart.reports.charts.figure import save_chart
from keyart.reports.poster_html import PosterImages
from keyart.runs.run import Run
from keyart.utils.files import write_json, write_text
from keyart.utils.output_paths import output_folder


def write_card(
    catalogue: Path,
    images: Path | None,
    out: Path,
    *,
    run: Run | None = None,
    compare: Sequence[str] = (),
    offline: Sequence[str] = OFFLINE,
    report: Say = lambda _: None,
) -> dict[str, Any]:
    """Write a dataset card: ``card.html``, ``card.json`` and ``pictures/*.png``.

    Args:
        catalogue: Path of the table of posters.
        images: Folder of their images; None uses the folder that the table names.
        out: Output folder; created if it does not exist.
        run: A finished run; its embeddings are measured too.
        compare: Additional image sets for comparison, see `gather`; ``none`` excludes the sets of ``offline``.
        offline: Sets that are compared by default.
        report: Called with a message on each part and its duration.

    Returns:
        The content of ``card.json``.

    Raises:
        InputError: The posters or a set are not available, or the folder cannot be written.
    """
    requested = [name for name in compare if name != "none"]
    named = [*([] if "none" in compare else offline), *requested]
    with output_folder(out, "writes a card into it"):
        facts = measure_facts(catalogue, images, run=run, compare=named, report=report)
        clock = _begin()
        pictures = out / "pictures"
        try:
            pictures.mkdir(parents=True, exist_ok=True)
            charts = _charts(facts, pictures)
            page = card_page(facts, charts, PosterImages(facts.posters.catalogue, shown_positions(facts)))
            draw_sheets(facts, pictures)
            write_text(out / "card.html", page)
            facts.seconds["pictures and page"] = clock()
            write_json(out / "card.json", {**facts.content, "seconds": facts.seconds})
        except OSError as error:
            raise InputError(
                f"cannot be written ({error.strerror or error}); name another folder", parameter="out", value=out
            ) from None
    report(f"pictures and page: {facts.seconds['pictures and page']:.1f} s")
    report(f"all: {sum(facts.seconds.values()):.1f} s")
    return {**facts.content, "seconds": facts.seconds}


def _begin() -> Callable[[], float]:
    began = time.perf_counter()
    return lambda: round(time.perf_counter() - began, 2)


def _charts(facts: Facts, folder: Path) -> dict[str, str]:
    content = facts.content
    sets = content["references"]["sets"]
    spaces = content["intrinsic_dimension"]
    labels = content["labels"]
    drawn = {
        "complexity": (
            lambda theme: draw_complexity(facts.entropies, content["complexity"], theme),
            "Histograms of the posters’ Shannon, GLCM and delentropy with their means",
        ),
        "references": (
            lambda theme: draw_references(sets, theme),
            f"Entropies and dimensions of {OWN} among {len(sets) - 1} other sets",
        ),
        "dimension": (
            lambda theme: draw_dimension(spaces, facts.curves, theme),
            "Estimates of dimension over neighbours and posters, and the variance that principal components hold",
        ),
        "genres": (lambda theme: draw_genres(labels, theme), "How many posters have each genre"),
        "co_occurrence": (
            lambda theme: draw_co_occurrence(labels, theme),
            "Which genres occur together: discs, a row the genre given, a column the other",
        ),
    }
    return {name: save_chart(draw, folder / f"{name}.png", alt=alt) for name, (draw, alt) in drawn.items()}
