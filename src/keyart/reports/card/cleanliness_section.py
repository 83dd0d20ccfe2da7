"""The dataset card's section on cleanliness, as HTML."""

from keyart.reports.card.markup import strip
from keyart.reports.card.measure import Facts
from keyart.reports.page import build_table
from keyart.reports.poster_html import PosterImages
from keyart.reports.score_table import number

GROUPS, PAIRS, ODD = 6, 5, 10
"""Maximum numbers shown of near-duplicate groups, of look-alike pairs, and of odd posters of each kind."""

ODDITIES = (("blank", "Blank"), ("landscape", "Landscape"), ("tiny", "Tiny"), ("grey", "Without colour"))
_FAULTS = 50


def cleanliness(facts: Facts, images: PosterImages) -> str:
    """Build the section on duplicates, odd posters, faults and leaks."""
    audit, catalogue = facts.audit, facts.posters.catalogue
    parts = [_leak(facts)]
    for group in audit.near[:GROUPS]:
        same = any(set(group.tolist()) <= set(other.tolist()) for other in audit.exact)
        kind = "The same file" if same else "The same picture"
        parts.append(f"<h3>{kind}, {len(group)} times</h3>{strip(catalogue, group[:ODD].tolist(), images)}")
    if len(audit.near) > GROUPS:
        parts.append(f"<p>… and {len(audit.near) - GROUPS:,} more groups, in card.json.</p>")
    parts.append(_lookalikes(facts, images))
    for name, title in ODDITIES:
        positions = getattr(audit, name)
        if len(positions):
            parts.append(f"<h3>{title}: {len(positions):,}</h3>{strip(catalogue, positions[:ODD].tolist(), images)}")
    faults = facts.content["cleanliness"]["corrupt"]
    if faults:
        rows = [(str(p["row"]), [p["file"] or p["id"], p["kind"], p["detail"]]) for p in faults[:_FAULTS]]
        parts.append(f"<h3>Faults: {len(faults):,}</h3>{build_table('Faults', ('row', 'file', 'fault', 'what'), rows)}")
    return "".join(parts)


def _leak(facts: Facts) -> str:
    leak = facts.content["cleanliness"]["leak"]
    column = leak["in_column_split"]
    return (
        f"<p>Were single posters dealt out at random, {leak['train']:.0%} to train and {leak['test']:.0%} to test, on "
        f"average {number(leak['expected'], 2)} of {leak['test_posters']:,} test posters would have a near-duplicate "
        f"in train ({number(leak['expected_with_films'], 2)} counting other posters of their film); keyart’s splits "
        "keep both together."
        + (f" The table’s own column <code>split</code> leaks {column:,}." if column is not None else "")
        + "</p>"
    )


def _lookalikes(facts: Facts, images: PosterImages) -> str:
    pairs = facts.lookalikes[:PAIRS]
    if not pairs:
        return ""
    told = facts.content["cleanliness"]["lookalikes"]
    # Pairs follow each other. A poster of two pairs shows the cosine of its first pair.
    cosines: dict[int, float] = {}
    for pair, one in zip(pairs, told, strict=False):
        for at in pair:
            cosines.setdefault(int(at), one["cosine"])
    order = [int(at) for pair in pairs for at in pair]
    shown = strip(facts.posters.catalogue, order, images, lambda at: f"cosine {cosines[at]:.3f}")
    return (
        "<h3>Look-alikes</h3><p>Pairs that the near-duplicate guard does not join although frozen features hardly "
        f"differ: other prints of one artwork, series, or chance.</p>{shown}"
    )
