"""Summary of a dataset card for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from keyart.images.complexity import MEASURES
from keyart.reports.card.charts import NAMES
from keyart.utils.tables import format_number
from keyart.utils.text import terminal


def print_card(content: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the main figures of a dataset card."""
    console = console or terminal()
    labels, clean = content["labels"], content["cleanliness"]
    among = Table("", *(NAMES[name] for name in MEASURES), "TwoNN", "max. likelihood", title_justify="left")
    among.title = "complexity in bits and dimension of pixels, all at {}×{}".format(
        *content["references"]["image_size"]
    )
    for one in content["references"]["sets"]:
        space = one["intrinsic_dimension"] or {"twonn": None, "mle": {"mean": None}}
        means = [format_number(one["complexity"][name]["mean"], 2) for name in MEASURES]
        among.add_row(one["name"], *means, format_number(space["twonn"], 1), format_number(space["mle"]["mean"], 1))
    console.print(among)
    height, width = content["complexity"]["image_size"]
    own = ", ".join(f"{NAMES[name]} {content['complexity'][name]['mean']:.2f}" for name in MEASURES)
    console.print(f"at {width}×{height}: {own}")
    spaces = Table("space", "numbers", "TwoNN", "max. likelihood", "participation", "95%", title_justify="left")
    spaces.title = "intrinsic dimension"
    for name, space in content["intrinsic_dimension"].items():
        pca = space["pca"]
        row = [
            format_number(space["twonn"], 1),
            format_number(space["mle"]["mean"], 1),
            format_number(pca["participation_ratio"], 1),
            str(pca["95"]),
        ]
        spaces.add_row(NAMES[name], str(space["ambient"]), *row)
    console.print(spaces)
    pairs, metric, found = labels["random_pairs"], labels["metrics"]["ndcg@10"], labels["suspects_found"]
    parts = [
        f"{labels['posters']:,} posters, {len(labels['genres'])} genres, {labels['genre_sets']['distinct']:,} genre "
        f"sets; random pairs share a genre: {format_number(pairs['share_a_genre'], 3)}",
        f"nDCG@10: chance {format_number(metric['chance'])}, frozen backbone {format_number(metric['frozen'])}",
        f"near-duplicates {sum(len(g) - 1 for g in clean['near_duplicates'])}, landscape {len(clean['landscape'])}, "
        f"grey {len(clean['grey'])}, tiny {len(clean['tiny'])}, blank {len(clean['blank'])}, "
        f"faults {len(clean['corrupt'])}; "
        f"a random split would leak {clean['leak']['expected']:.2f} of {clean['leak']['test_posters']:,} test posters",
    ]
    if "precision" in found:
        parts.append(
            f"label suspects: of {found['planted']} planted errors {found['precision']:.1%} are among as many top "
            f"suspects (chance {found['chance']:.1%})"
        )
    for line in parts:
        console.print(line, soft_wrap=True)
