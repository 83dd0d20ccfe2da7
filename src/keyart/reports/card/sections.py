"""The sections of the dataset card: what its template shows of the facts."""

from collections.abc import Mapping
from pathlib import Path

from keyart.images.complexity import MEASURES
from keyart.reports.card.charts import NAMES
from keyart.reports.card.measure import Facts, extremes
from keyart.reports.html import load_macros
from keyart.reports.page import build_page
from keyart.reports.poster_html import PosterImages
from keyart.runs.evaluation.metric_names import metric_name
from keyart.utils.text import Markup

SHOWN = 20
"""Maximum number of suspect posters that are shown."""
GROUPS, PAIRS, ODD = 6, 5, 10
"""Maximum numbers shown of near-duplicate groups, of look-alike pairs, and of odd posters of each kind."""
ODDITIES = (("blank", "Blank"), ("landscape", "Landscape"), ("tiny", "Tiny"), ("grey", "Without colour"))
ADVISED = {
    "input_size": "Input size",
    "backbone": "Backbone",
    "embedding_size": "Embedding size",
    "margin": "Margin",
}
_TITLES = {
    "complexity": "Complexity",
    "among": "Among other sets",
    "dimension": "Intrinsic dimension",
    "labels": "Labels",
    "suspects": "Labels to look at",
    "cleanliness": "Cleanliness",
    "advice": "Where to start",
}


def card_page(facts: Facts, charts: Mapping[str, str], images: PosterImages) -> str:
    """Return the page of a dataset card."""
    content, audit, catalogue = facts.content, facts.audit, facts.posters.catalogue
    simplest, most_complex = extremes(facts.entropies, facts.posters.groups)
    bits = facts.entropies[:, MEASURES.index("delentropy")]
    pairs = facts.lookalikes[:PAIRS]
    # Pairs follow each other. A poster of two pairs shows the cosine of its first pair.
    cosines: dict[int, str] = {}
    for pair, one in zip(pairs, content["cleanliness"]["lookalikes"], strict=False):
        for at in pair:
            cosines.setdefault(int(at), f"cosine {one['cosine']:.3f}")
    parts = load_macros(
        "card.html.j2",
        content=content,
        charts={name: Markup(chart) for name, chart in charts.items()},
        images=images,
        names=NAMES,
        metric_name=metric_name,
        source=catalogue.source.name,
        path=str(catalogue.source),
        run=Path(content["catalogue"]["run"] or "").name,
        took=facts.seconds,
        odd=sum(len(content["cleanliness"][name]) for name, _ in ODDITIES),
        copies=sum(len(group) - 1 for group in content["cleanliness"]["near_duplicates"]),
        measures=MEASURES,
        simplest=simplest,
        most_complex=most_complex,
        bits_of=[f"{value:.2f} bits" for value in bits],
        suspected=list(zip(facts.suspects.order[:SHOWN].tolist(), content["labels"]["suspects"], strict=False)),
        groups=[
            (any(set(group.tolist()) <= set(exact.tolist()) for exact in audit.exact), len(group), group[:ODD])
            for group in audit.near[:GROUPS]
        ],
        more_groups=len(audit.near) - GROUPS,
        lookalikes=[int(at) for pair in pairs for at in pair],
        cosine_of=cosines,
        oddities=[
            (title, len(positions), positions[:ODD])
            for title, positions in ((title, getattr(audit, name)) for name, title in ODDITIES)
            if len(positions)
        ],
        advised=ADVISED,
    )
    return build_page(
        f"Know the data: {catalogue.source.stem}",
        parts.lead(),
        parts.headline(),
        [(name, title, getattr(parts, name)()) for name, title in _TITLES.items()],
        parts.credits(),
        kind="card",
    )
