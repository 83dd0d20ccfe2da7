"""Two posters side by side, each with the regions that make it like the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from keyart.analysis.lettering import Span, draw_line, shorten, text_width, wrap_spans
from keyart.analysis.theme import LIGHT, Theme, font_for

POSTER = (300, 436)
GAP, APART, MARGIN, HEAD, CAPTION = 14, 56, 44, 136, 118
FULL = 99.5
"""Percentile of the cells' sizes at which a colour is full."""
SMOOTH = 1.0
"""Cells by which parts are blurred for the eye."""
ADDS = ("#5c0f0a", "#c8301f", "#ff8a3d", "#ffe7a3")
TAKES = ("#0b2f3a", "#1f7a8c", "#62c3d6", "#d5f4fa")


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two posters.

    Attributes:
        name: Its title, or what else it is called.
        facts: Year and genres, shown below.
        picture: RGB of any size, in the shape in which the network sees it.
        parts: (rows, columns) what each of its cells adds to the similarity.
        constant: What is there without it.
    """

    name: str
    facts: Sequence[str]
    picture: Image.Image
    parts: np.ndarray
    constant: float


def draw_heatmaps(
    sides: tuple[Side, Side],
    similarity: float,
    *,
    note: str = "",
    constant: str = "without it",
    theme: Theme = LIGHT,
) -> Image.Image:
    """Draw both posters, each beside its heat map.

    Warm cells add to the similarity, cool ones take from it, both posters on one scale. A line runs around the cells
    that carry half of what is added (`strongest`).

    Args:
        sides: The two posters.
        similarity: Their cosine.
        note: A line below the heading.
        constant: What the sides' constant is, in a word or two.
        theme: Colours.

    Returns:
        RGB.
    """
    width, height = POSTER
    whole = 2 * MARGIN + 4 * width + 2 * GAP + APART
    picture = Image.new("RGB", (whole, HEAD + height + CAPTION + MARGIN), theme.paper)
    pen = ImageDraw.Draw(picture)
    _draw_heading(pen, whole, similarity, note, theme)
    sizes = np.abs(np.concatenate([smoothed(side.parts).ravel() for side in sides]))
    # Posters that have little in common shall not glow: a full colour is worth a cosine of one half, spread evenly.
    scale = max(float(np.percentile(sizes, FULL)), 0.5 / sides[0].parts.size)
    for number, side in enumerate(sides):
        left = MARGIN + number * (2 * width + GAP + APART)
        plain = side.picture.resize(POSTER, Image.Resampling.BICUBIC)
        for at, shown in ((left, plain), (left + width + GAP, heat_map(plain, side.parts, scale))):
            picture.paste(shown, (at, HEAD))
            pen.rectangle((at - 1, HEAD - 1, at + width, HEAD + height), outline=theme.rule)
        if number:
            pen.line(
                (left - APART // 2, HEAD, left - APART // 2, HEAD + height + CAPTION - 8), fill=theme.rule, width=1
            )
        _draw_caption(pen, left, side, constant, theme)
    return picture


def heat_map(picture: Image.Image, parts: np.ndarray, scale: float) -> Image.Image:
    """A poster in grey under the colours of its cells.

    Args:
        picture: RGB.
        parts: (rows, columns).
        scale: The size of a part whose colour is full.

    Returns:
        RGB of the picture's size.
    """
    smooth = smoothed(parts)
    shown_parts = Image.fromarray(smooth.astype(np.float32)).resize(picture.size, Image.Resampling.BICUBIC)
    heat = np.clip(np.asarray(shown_parts) / scale, -1, 1)[..., None]
    grey = np.asarray(ImageOps.grayscale(picture), dtype=np.float32)[..., None] * 0.5 + 14
    strength = np.abs(heat)
    colours = np.where(heat > 0, _ramp(strength, ADDS), _ramp(strength, TAKES))
    # The poster's own light and dark stay visible through the colour.
    lit = colours * (0.6 + 0.4 * grey / 141)
    opaque = 0.92 * strength**1.3
    shown = Image.fromarray(np.clip(grey * (1 - opaque) + lit * opaque, 0, 255).astype(np.uint8))
    mask = Image.fromarray((strongest(smooth) * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    mask = mask.point(lambda value: 255 * (value > 127))
    edge = ImageChops.subtract(mask.filter(ImageFilter.MaxFilter(3)), mask)
    shown.paste("#ffffff", mask=edge)
    return shown


def smoothed(parts: np.ndarray, cells: float = SMOOTH) -> np.ndarray:
    """Parts blurred for the eye by a Gaussian of some cells' width; edges are mirrored, so the sum stays.

    Args:
        parts: (rows, columns).
        cells: Standard deviation.
    """
    reach = int(np.ceil(4 * cells))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / cells) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        around = [(reach, reach) if axis == side else (0, 0) for side in (0, 1)]
        padded = np.pad(np.asarray(parts, dtype=np.float64), around, mode="symmetric")
        parts = np.apply_along_axis(np.convolve, axis, padded, weights, mode="valid")
    return parts


def strongest(parts: np.ndarray, share: float = 0.5) -> np.ndarray:
    """The fewest cells that carry a share of what all cells add: (rows, columns) bool; none where nothing is added.

    Examples:
        >>> strongest(np.array([[5.0, 1.0], [-9.0, 3.0]]))
        array([[ True, False],
               [False, False]])
    """
    flat = np.clip(parts.ravel(), 0, None)
    order = np.argsort(-flat, kind="stable")
    before = np.cumsum(flat[order]) - flat[order]
    chosen = np.zeros(len(flat), dtype=bool)
    chosen[order] = (before < share * flat.sum()) & (flat[order] > 0)
    return chosen.reshape(parts.shape)


def _draw_heading(pen: ImageDraw.ImageDraw, whole: int, similarity: float, note: str, theme: Theme) -> None:
    pen.text((MARGIN, 58), "What makes them alike", font=font_for("W", 32, "semibold"), fill=theme.ink, anchor="ls")
    told = f"cosine {similarity:.2f}".replace("-", "−")
    pen.text((whole - MARGIN, 58), told, font=font_for(told, 32, "semibold"), fill=theme.ink, anchor="rs")
    legend = [
        Span("warm adds", theme.accent, "medium"),
        Span("cool takes away", theme.frozen, "medium"),
        Span("the white line holds half of what is added", theme.muted),
    ]
    width = sum(text_width(span.text, 16, span.weight) for span in legend) + 2 * text_width("     ", 16)
    draw_line(pen, (whole - MARGIN - width, 92), legend, 16, "     ")
    cut = shorten(note, whole - 2 * MARGIN - width - 30, 16)
    pen.text((MARGIN, 92), cut, font=font_for(cut, 16), fill=theme.muted, anchor="ls")


def _draw_caption(pen: ImageDraw.ImageDraw, left: int, side: Side, constant: str, theme: Theme) -> None:
    width, baseline = 2 * POSTER[0] + GAP, HEAD + POSTER[1] + 34
    name = shorten(side.name, width, 22, "semibold")
    pen.text((left, baseline), name, font=font_for(name, 22, "semibold"), fill=theme.ink, anchor="ls")
    for line in wrap_spans([Span(fact, theme.muted) for fact in side.facts], width, 16, 1):
        draw_line(pen, (left, baseline + 27), line, 16)
    added, taken = side.parts.clip(min=0).sum(), side.parts.clip(max=0).sum()
    sums = [
        Span("regions", theme.muted),
        Span(f"+{added:.2f}", theme.accent, "medium"),
        Span(f"−{abs(taken):.2f}", theme.frozen, "medium"),
        Span(f"{constant} {side.constant:.2f}".replace("-", "−"), theme.muted),
    ]
    draw_line(pen, (left, baseline + 56), sums, 17, "   ")


def _ramp(strength: np.ndarray, stops: Sequence[str]) -> np.ndarray:
    """(H, W, 3) colours along a ramp, for strengths (H, W, 1) from 0 to 1."""
    rgb = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops], dtype=np.float64)
    at = np.linspace(0, 1, len(stops))
    return np.concatenate([np.interp(strength, at, rgb[:, channel]) for channel in range(3)], axis=-1)
