"""The picture of an explanation: two posters with the regions and cues that contribute to their similarity."""

from pathlib import Path

from PIL import Image

from keyart.images.any_image import to_pixels
from keyart.reports.heatmaps import Side, draw_heatmaps
from keyart.retrieval.titles import display_title
from keyart.runs.explain import Explained
from keyart.runs.run import Run


def draw_explanation(run: Run, explained: Explained) -> Image.Image:
    """Draw an explanation as an RGB picture."""
    why = explained.why
    height, width = run.image_size
    larger = max(1.0, 436 / height)
    size = (round(height * larger), round(width * larger))
    sides = []
    for name, picture, share in zip(explained.names, explained.pictures, why.shares, strict=True):
        facts = [str(name["year"])] if name.get("year") else []
        sides.append(
            Side(
                display_title(name.get("title") or "") or name.get("id") or Path(name["image"]).name,
                [*facts, *name.get("genres", [])],
                Image.fromarray(to_pixels(picture, size)),
                share.attributions,
                share.baseline,
                share.non_spatial,
            )
        )
    return draw_heatmaps(
        (sides[0], sides[1]),
        why.similarity,
        note=f"attributions by {why.method}; baseline: {why.baseline_is}",
        closer_than=explained.closer_than,
        cues=explained.cues.parts if explained.cues else {},
    )
