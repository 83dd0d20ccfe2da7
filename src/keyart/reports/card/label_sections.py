"""The dataset card's sections on labels, as HTML."""

from collections.abc import Mapping

from keyart.reports.card.markup import percent, poster, shelf
from keyart.reports.card.measure import Facts
from keyart.reports.page import build_table
from keyart.reports.poster_html import PosterImages
from keyart.reports.score_table import number
from keyart.runs.evaluation.metric_names import metric_name
from keyart.utils.text import to_html

SHOWN = 20


def labels(facts: Facts, charts: Mapping[str, str]) -> str:
    """Build the section on genre counts, co-occurrence, genre sets and the chance level of each metric."""
    told = facts.content["labels"]
    sets, pairs, imbalance = told["genre_sets"], told["random_pairs"], told["imbalance"]
    sizes = ", ".join(f"{size}: {n:,}" for size, n in told["genres_per_poster"].items() if size != "mean")
    commonest = [(", ".join(one["genres"]), [f"{one['posters']:,}"]) for one in sets["commonest"]]
    metrics = [
        (metric_name(name), [number(one["chance"]), number(one["frozen"])])
        for name, one in told["metrics"].items()
        if "/genre/" not in name
    ]
    return (
        f"<p>{sets['distinct']:,} different genre sets, {sets['held_by_one']:,} of them held by one poster. Posters by "
        f"their number of genres – {sizes}. Of random pairs {percent(pairs['share_a_genre'])} share a genre, "
        f"{percent(pairs['positive'])} are positive (Jaccard at least ½), {percent(pairs['same_set'])} have the same "
        f"set. The commonest genre is {imbalance['largest']:.0f} times as frequent as the rarest (mean ratio "
        f"{number(imbalance['mean'], 1)}, evenness {number(imbalance['evenness'], 2)} of 1).</p>{charts['genres']}"
        "<h3>Genres together</h3><p>A disc’s area: of the posters with the genre of the row, the share that has that "
        f"of the column too.</p>{charts['co_occurrence']}"
        '<h3>What each metric is by chance</h3><p class="note">All posters search all others. Frozen: features of '
        f"{to_html(facts.content['catalogue']['backbone'])} without any training.</p>"
        f"{build_table('Metrics', ('metric', 'chance', 'frozen'), metrics)}"
        f"<details><summary>The commonest genre sets ({len(commonest)})</summary>"
        f"{build_table('Genre sets', ('genres', 'posters'), commonest)}</details>"
    )


def suspects(facts: Facts, images: PosterImages) -> str:
    """Build the section on posters whose genres do not fit their look."""
    told, catalogue = facts.content["labels"], facts.posters.catalogue
    items = []
    for at, one in zip(facts.suspects.order[:SHOWN].tolist(), told["suspects"], strict=False):
        given = ", ".join(f"<span>{to_html(name)}</span>" for name in one["given"])
        likely = ", ".join(f"<em>{to_html(name)} {p:.2f}</em>" for name, p in one["likely"].items())
        items.append(poster(catalogue, at, images, f"{given}<br>{likely}"))
    disagree = "".join(f"<li>{_genres_of(one)}</li>" for one in told["disagreeing_duplicates"])
    return (
        "<p>Posters whose genres a classifier finds least fitting that has not seen them (ridge regression on frozen "
        "features, five folds): below each the genres given, and in colour the likeliest ones. Most are unusual "
        f"posters and rightly labelled.{_trust(told['suspects_found'])}</p>{shelf(items, 'Most suspect first')}"
        + (f"<h3>Near-duplicates with different genres</h3><ul>{disagree}</ul>" if disagree else "")
    )


def _genres_of(group: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{to_html(name)}: {to_html(', '.join(genres))}" for name, genres in group.items())


def _trust(found: Mapping[str, float]) -> str:
    if "precision" not in found:
        return ""
    return (
        f" How far to trust it: {found['planted']:,} posters were given the genres of others on purpose; of as many "
        f"most suspect ones {percent(found['precision'])} were among them, where chance is {percent(found['chance'])} "
        f"(AUC {number(found['auc'], 2)})."
    )
