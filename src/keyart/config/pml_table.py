"""The tables of docs/pml.md, generated from the code: ``python -m keyart.config.pml_table``."""

from collections.abc import Mapping, Sequence

from keyart.losses import pml as losses
from keyart.losses.miners import pml as miners


def pml_table() -> str:
    """Return the supported and the unsupported losses and miners of pytorch-metric-learning, in Markdown."""
    used = []
    for name, about in losses.SUPPORTED.items():
        margin = ["–"] * 4
        if about.margin is not None:
            low, high = about.margin.low, about.margin.high
            margin = [f"`{about.argument}`", about.margin.unit, f"{about.margin.default:g}", f"{low:g} to {high:g}"]
        no_memory = "yes" if about.no_references is None else f"no: it {about.no_references}"
        used.append([f"`{name}`", *margin, no_memory])
    parts = [
        "### Losses that can be used",
        _table(["`loss.class`", "`loss.margin` sets", "unit", "default", "range", "`memory.size`"], used),
        "### Miners that can be used",
        ", ".join(f"`{name}`" for name in miners.SUPPORTED),
        "### Losses that are refused",
        _table(["`loss.class`", "because it"], _reasons(losses.UNSUPPORTED)),
        "### Miners that are refused",
        _table(["`miner.class`", "because it"], _reasons(miners.UNSUPPORTED)),
    ]
    return "\n\n".join(parts)


def _reasons(refused: Mapping[str, str]) -> list[list[str]]:
    return [[f"`{name}`", reason] for name, reason in refused.items()]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(pml_table())  # noqa: T201
