"""The dataset card's headline, its sections on images and vectors, and its advice, as HTML."""

from collections.abc import Sequence
from typing import Any

from keyart.images.complexity import MEASURES
from keyart.reports.card.charts import NAMES
from keyart.reports.card.markup import interval, percent, strip
from keyart.reports.card.measure import Facts, extremes
from keyart.reports.page import build_table
from keyart.reports.poster_html import PosterImages
from keyart.reports.score_table import number
from keyart.utils.text import Markup, to_html

ADVISED = {
    "input_size": "Input size",
    "backbone": "Backbone",
    "embedding_size": "Embedding size",
    "margin": "Margin",
}


def headline(facts: Facts) -> str:
    """Build the key figures as cards."""
    labels, spaces = facts.content["labels"], facts.content["intrinsic_dimension"]
    clean, bits = facts.content["cleanliness"], facts.content["complexity"]["delentropy"]
    metric, pairs = labels["metrics"]["ndcg@10"], labels["random_pairs"]
    odd = sum(len(clean[name]) for name in ("blank", "landscape", "tiny", "grey"))
    copies = sum(len(group) - 1 for group in clean["near_duplicates"])
    mean = number(labels["genres_per_poster"]["mean"], 2)
    frozen = spaces["frozen"]
    cards = (
        ("posters", f"{labels['posters']:,}", f"{len(labels['genres'])} genres, {mean} a poster"),
        ("delentropy, bits", number(bits["mean"], 2), interval(bits)),
        (
            "dimension of frozen features",
            number(frozen["mle"]["mean"], 1),
            f"maximum likelihood; TwoNN {number(frozen['twonn'], 1)}",
        ),
        (
            "of random pairs share a genre",
            percent(pairs["share_a_genre"]),
            f"{percent(pairs['same_set'])} have the same genres",
        ),
        ("nDCG@10, frozen backbone", number(metric["frozen"]), f"chance {number(metric['chance'])}"),
        ("near-duplicates", f"{copies:,}", f"{odd:,} odd posters, {len(clean['corrupt']):,} faults of rows"),
    )
    told = "".join(
        f'<div class="card"><dt>{to_html(name)}</dt><dd><span class="display">{value}</span>'
        f"<small>{to_html(small)}</small></dd></div>"
        for name, value, small in cards
    )
    return f'<dl class="cards figures">{told}</dl>'


def complexity(facts: Facts, chart: str, images: PosterImages) -> str:
    """Build the section on complexity: distributions, means, and the simplest and most complex posters."""
    told, catalogue = facts.content["complexity"], facts.posters.catalogue
    height, width = told["image_size"]
    rows = []
    for name in MEASURES:
        one = told[name]
        mean = Markup(f"{number(one['mean'], 3)} <small>[{interval(one)}]</small>")
        rows.append((NAMES[name], [mean, *(number(one[q], 2) for q in ("min", "5%", "50%", "95%", "max"))]))
    heads = ("bits", "mean [95% interval]", "least", "5%", "median", "95%", "most")
    simple, complex_ = extremes(facts.entropies, facts.posters.groups)
    column = MEASURES.index("delentropy")

    def measured(at: int) -> str:
        return f"{facts.entropies[at, column]:.2f} bits"

    return (
        "<p>Entropies in bits of the posters’ grey levels (Shannon), of pairs of neighbouring levels (GLCM), and of "
        "the gradient (delentropy), after Rahane and Subramanian (2020, arXiv 2008.04431) and Larkin (2016, arXiv "
        f"1609.01117). Measured at {width}×{height} pixels, grey by ITU-R 601; no value can be set beside one that was "
        f"measured otherwise.</p>{chart}{build_table('Entropies', heads, rows)}"
        f"<h3>The simplest, by delentropy</h3>{strip(catalogue, simple, images, measured)}"
        f"<h3>The most complex</h3>{strip(catalogue, complex_, images, measured)}"
    )


def references(facts: Facts, chart: str) -> str:
    """Build the section that compares the catalogue with other image sets."""
    told = facts.content["references"]
    height, width = told["image_size"]
    rows = [
        (one["name"], [f"{one['images']:,} of {one['total']:,}", one["native"], one["source"]])
        for one in told["sets"][1:]
    ]
    sets = build_table("Sets", ("set", "images", "their size", "from"), rows) if rows else ""
    published = "".join(
        f"<li>{to_html(one['set'])}, {to_html(one['space'])}: {to_html(one['value'])} ({to_html(one['estimator'])}; "
        f"{to_html(one['source'])})</li>"
        for one in told["published"]
    )
    return (
        f"<p>All sets measured alike: whole images squeezed to {width}×{height} pixels, at most 1,000 of each, in "
        "colour for the dimension of pixels. Bars: the middle half of the images, or the range of the estimate over k "
        f"from 3 to 20. Sets of fewer than 200 images have no dimension.</p>{chart}{sets}"
        f"<h3>Published, not measured here</h3><ul>{published}</ul>"
    )


def dimension(facts: Facts, chart: str) -> str:
    """Build the section on the intrinsic dimension of each space."""
    rows = []
    for name, space in facts.content["intrinsic_dimension"].items():
        pca = space["pca"]
        estimates = (space["twonn"], space["mle"]["mean"], pca["participation_ratio"])
        counts = [f"{pca[share]:,}" for share in ("90", "95", "99")]
        cells = [f"{space['ambient']:,}", f"{space['vectors']:,}", *(number(value, 1) for value in estimates), *counts]
        rows.append((NAMES[name], cells))
    likelihood = "max. likelihood, k 10–20"
    heads = ("space", "numbers", "posters", "TwoNN", likelihood, "participation ratio", "90%", "95%", "99%")
    return (
        "<p>How many numbers it takes to tell posters apart: TwoNN (Facco et al. 2017) and maximum likelihood (Levina "
        "and Bickel 2004, averaged as MacKay and Ghahramani do) from the distances to nearest neighbours; principal "
        "components for how many directions hold the variance. Near-duplicates count once. Pixels are those of posters "
        "at 32×32 in colour; features and embeddings have length one. Neighbour estimates err on the low side in high "
        f"dimensions, the more so the fewer posters there are.</p>{chart}{build_table('Dimensions', heads, rows)}"
    )


def advice(facts: Facts) -> str:
    """Build the section of suggested starting values with their evidence."""
    items = []
    for key, one in facts.content["advice"].items():
        start = "; ".join(f"{name} {_plain(value)}" for name, value in one["start"].items())
        items.append(
            f"<h3>{ADVISED[key]}: {to_html(start)}</h3><p><b>Measured.</b> {to_html(one['measured'])}.<br>"
            f"<b>Rule.</b> {to_html(one['source'])}.<br><b>Not known.</b> {to_html(one['unknown'])}.</p>"
        )
    return "<p>Starting points for a sweep, not results: none of them was tried here.</p>" + "".join(items)


def _plain(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(part) for part in value)
    return str(value)
