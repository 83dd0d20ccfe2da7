"""The dataset card's poster pictures: simplest and most complex, label suspects, duplicates, odd posters."""

from collections.abc import Sequence
from pathlib import Path

from keyart.images.complexity import MEASURES
from keyart.reports.card.measure import Facts, extremes
from keyart.reports.card.poster_sheet import SheetPoster, SheetRow, draw_sheet
from keyart.reports.card.sections import GROUPS, ODD, ODDITIES, PAIRS, SHOWN
from keyart.reports.gallery import write_png
from keyart.reports.neighbours import poster_name


def shown_positions(facts: Facts) -> list[int]:
    """Return the positions of all posters that the page shows."""
    simple, complex_ = extremes(facts.entropies, facts.posters.groups)
    positions = [*simple, *complex_, *(int(at) for at in facts.suspects.order[:SHOWN])]
    positions += [int(at) for group in facts.audit.near[:GROUPS] for at in group[:ODD]]
    positions += [int(at) for pair in facts.lookalikes[:PAIRS] for at in pair]
    for name, _ in ODDITIES:
        positions += [int(at) for at in getattr(facts.audit, name)[:ODD]]
    return positions


def draw_sheets(facts: Facts, folder: Path) -> None:
    """Write ``extremes.png``, ``suspects.png``, ``duplicates.png`` and ``oddities.png``.

    If a picture has no posters, it is not written, and an older file is removed.
    """
    sheets = {
        "extremes": _extremes(facts),
        "suspects": [_suspects(facts)],
        "duplicates": _duplicates(facts),
        "oddities": _oddities(facts),
    }
    for name, rows in sheets.items():
        path = folder / f"{name}.png"
        if any(row.posters for row in rows):
            write_png(draw_sheet(facts.posters.catalogue, rows), path)
        else:
            path.unlink(missing_ok=True)


def _extremes(facts: Facts) -> list[SheetRow]:
    column = MEASURES.index("delentropy")

    def measured(positions: Sequence[int]) -> list[SheetPoster]:
        return [
            _sheet_poster(facts, at, f"{facts.entropies[at, column]:.2f} bits", *_genres(facts, at)) for at in positions
        ]

    simple, complex_ = extremes(facts.entropies, facts.posters.groups)
    return [SheetRow("The simplest, by delentropy", measured(simple)), SheetRow("The most complex", measured(complex_))]


def _suspects(facts: Facts) -> SheetRow:
    posters = []
    for at, one in zip(facts.suspects.order[:SHOWN], facts.content["labels"]["suspects"], strict=False):
        likely = list(one["likely"])[:2]
        posters.append(_sheet_poster(facts, int(at), *likely, "–", *one["given"], accent=len(likely)))
    return SheetRow("Genres that do not fit the look: the two likeliest in colour, then those given", posters)


def _duplicates(facts: Facts) -> list[SheetRow]:
    def plain(positions: Sequence[int]) -> list[SheetPoster]:
        return [_sheet_poster(facts, int(at), *_genres(facts, int(at))) for at in positions]

    rows = [
        SheetRow(f"The same picture, {len(group)} times", plain(group[:ODD].tolist()))
        for group in facts.audit.near[:GROUPS]
    ]
    pairs = [int(at) for pair in facts.lookalikes[:PAIRS] for at in pair]
    return [*rows, SheetRow("Look-alikes that no group joins, in pairs", plain(pairs))]


def _oddities(facts: Facts) -> list[SheetRow]:
    rows = []
    for name, title in ODDITIES:
        positions = getattr(facts.audit, name)
        sizes = facts.audit.sizes
        posters = [_sheet_poster(facts, int(at), f"{sizes[at, 0]}×{sizes[at, 1]}") for at in positions[:ODD]]
        rows.append(SheetRow(f"{title}: {len(positions):,}", posters))
    return rows


def _sheet_poster(facts: Facts, position: int, *notes: str, accent: int = 0) -> SheetPoster:
    return SheetPoster(position, poster_name(facts.posters.catalogue, position), notes, accent)


def _genres(facts: Facts, position: int) -> list[str]:
    return facts.posters.catalogue.genre_text(position).split(", ")
