"""The table of losses, generated from their YAML files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

LOSS_FOLDER = Path(__file__).resolve().parents[3] / "conf" / "loss"
HEADINGS = ("loss", "unit of `loss.margin`", "default", "range", "source")


def read_losses(folder: Path = LOSS_FOLDER) -> dict[str, dict[str, Any]]:
    """Read the YAML file of every loss, by name in alphabetical order."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))}


def table_row(loss: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """Return one loss's cells under `HEADINGS`; dashes if it has no margin."""
    about = loss["about"]
    page = "pml.md" if loss["name"] == "pml" else f"generated/loss-{loss['name']}.md"
    name = f"[`{loss['name']}`]({page})"
    if about["unit"] is None:
        return name, "–", "–", "–", about["source"]
    low, high = about["range"]
    return name, about["unit"], f"{loss['margin']:g}", f"{low:g} to {high:g}", about["source"]


def loss_table(folder: Path = LOSS_FOLDER) -> str:
    """Return the table in Markdown, one row per loss."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(table_row(loss) for loss in read_losses(folder).values())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
