"""The contribution of each branch of an embedding, from flat metrics: values, one sentence and an HTML table."""

from collections.abc import Mapping
from dataclasses import dataclass

from keyart.reports.html import load_macros
from keyart.reports.numbers import number
from keyart.runs.evaluation.metric_names import metric_name
from keyart.utils.text import Markup

ORIGINS = {
    "learned": "trained with the loss",
    "closed_form": "a kernel regression onto genres, solved in closed form: no loss",
    "frozen": "the backbone's features as they are: no training",
}
"""Description of each branch, by its name in flat metrics."""


@dataclass(frozen=True)
class BranchScore:
    """One metric of one branch.

    Attributes:
        branch: Name of the branch.
        alone: Value with this branch only.
        alone_lift: Lift with this branch only.
        without: Value with all branches except this one.
        without_lift: Lift with all branches except this one.
    """

    branch: str
    alone: float | None
    alone_lift: float | None
    without: float | None
    without_lift: float | None


def branch_scores(metrics: Mapping[str, float | None], split: str, metric: str = "ndcg@10") -> list[BranchScore]:
    """Return the scores of each branch of a split's embeddings; an empty list if the embedding has one branch.

    Examples:
        >>> flat = {"test/branch/learned/map": 0.3, "test/without/learned/map": 0.2}
        >>> branch_scores(flat, "test", "map")[0].without
        0.2
    """
    begin, end = f"{split}/branch/", f"/{metric}"
    names = [
        key.removeprefix(begin).removesuffix(end) for key in metrics if key.startswith(begin) and key.endswith(end)
    ]
    return [
        BranchScore(name, *(metrics.get(f"{split}/{row}/{name}/{metric}{kind}") for row, kind in _CELLS))
        for name in names
    ]


BESIDE_IT = ("lift", "without it", "lift")
_CELLS = (("branch", ""), ("branch", "/lift"), ("without", ""), ("without", "/lift"))


def without_each(metrics: Mapping[str, float | None], split: str, metric: str) -> tuple[float | None, float | None]:
    """Return value and lift of all branches combined, before the embedding is reduced to fewer dimensions."""
    key = f"{split}/whole/{metric}" if f"{split}/whole/{metric}" in metrics else f"{split}/{metric}"
    return metrics.get(key), metrics.get(f"{key}/lift")


def credit(metrics: Mapping[str, float | None], split: str, metric: str = "ndcg@10") -> str:
    """Describe in one sentence the metric of each branch alone and of the embedding without it.

    The result is empty if the embedding has one branch.
    """
    scores = branch_scores(metrics, split, metric)
    if not scores:
        return ""
    value, lift = without_each(metrics, split, metric)
    # If the frozen backbone is not better than chance, the lift has no meaning: show values instead.
    by_lift = lift is not None and all(None not in (one.alone_lift, one.without_lift) for one in scores)
    unit, digits = ("lift", 2) if by_lift else (metric_name(metric), 3)
    alone = [f"{one.branch} alone {number(one.alone_lift if by_lift else one.alone, digits)}" for one in scores]
    left = [f"without {one.branch} {number(one.without_lift if by_lift else one.without, digits)}" for one in scores]
    whole = number(lift if by_lift else value, digits)
    return (
        f"{unit.capitalize() if by_lift else unit} on {split}: {', '.join(alone)}; together {whole}; {', '.join(left)}."
    )


def branch_section(
    metrics: Mapping[str, float | None], split: str, sizes: Mapping[str, int], loss: str | None, output_size: int | None
) -> Markup:
    """Build the report's section on branches as HTML.

    Args:
        metrics: Flat metrics, as in ``metrics.json``.
        split: Name of the split.
        sizes: Number of dimensions of each branch.
        loss: Name of the loss.
        output_size: Dimensions of the final embedding if it is reduced; otherwise None.

    Returns:
        A sentence and a table; only a sentence for an embedding with one branch; empty if no branch is known.
    """
    origins = {**ORIGINS, "learned": f"trained with the {loss} loss" if loss else ORIGINS["learned"]}
    scores = branch_scores(metrics, split)
    parts = load_macros("branches.html.j2")
    if not scores:
        (only,) = sizes if len(sizes) == 1 else (None,)
        return Markup(parts.only(only, origins["learned"]) if only else "")
    others = {one.branch: one for one in branch_scores(metrics, split, "map")}
    unknown = BranchScore("", None, None, None, None)
    rows = [
        (one.branch, sizes.get(one.branch), origins.get(one.branch, ""), (one, others.get(one.branch, unknown)))
        for one in scores
    ]
    names = ("ndcg@10", "map")
    heads = [head for name in names for head in (f"{metric_name(name)} alone", *BESIDE_IT)]
    totals = [without_each(metrics, split, name) for name in names]
    return Markup(parts.table(credit(metrics, split), heads, rows, totals, output_size))
