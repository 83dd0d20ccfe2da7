"""Heat maps of two posters side by side: the regions that contribute to their similarity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from keyart.reports.cue_bars import draw_cue_bars
from keyart.reports.text_layout import Span, draw_line, shorten, text_width, wrap_spans
from keyart.reports.theme import LIGHT, Theme, font_for
from keyart.retrieval.random_pairs import percent

POSTER = (300, 436)
GAP, APART, MARGIN, HEAD, CAPTION, FOOT = 14, 56, 44, 126, 112, 104
SCALE = (430, 16)
"""Width and height of the colour scale in pixels."""
CUES_WIDTH = 360
FULL = 99.5
"""Percentile of the absolute attributions at which a colour is fully saturated."""
SMOOTH = 1.0
"""Standard deviation in cells of the blur of attributions; for display only."""
ADDS = ("#5c0f0a", "#c8301f", "#ff8a3d", "#ffe7a3")
TAKES = ("#0b2f3a", "#1f7a8c", "#62c3d6", "#d5f4fa")


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two posters of a heat map.

    Attributes:
        name: Title, or another name of the poster.
        facts: Year and genres, shown below the name.
        picture: RGB of any size, with the aspect ratio of the network's input.
        attributions: (rows, columns) contribution of each cell to the similarity.
        baseline: Part of the similarity that does not depend on this poster.
        non_spatial: Attribution of features without a position.
    """

    name: str
    facts: Sequence[str]
    picture: Image.Image
    attributions: np.ndarray
    baseline: float
    non_spatial: float = 0.0


def draw_heatmaps(
    sides: tuple[Side, Side],
    similarity: float,
    *,
    note: str = "",
    closer_than: float | None = None,
    cues: Mapping[str, float] = {},
    theme: Theme = LIGHT,
) -> Image.Image:
    """Draw both posters, each beside its heat map.

    Warm cells raise the similarity, cool cells lower it. Both posters have the same scale; the scale is drawn below
    with its values. A line surrounds the cells that have half of all positive attributions (`strongest`). Each caption
    shows the terms that sum to the cosine.

    Args:
        sides: The two posters.
        similarity: Cosine of the two posters.
        note: Text of the line below the heading.
        closer_than: Share of random pairs with a lower cosine; None if unknown.
        cues: What each kind of cue adds to the similarity, drawn as bars; empty for none.
        theme: Colours.
    """
    width, height = POSTER
    whole = 2 * MARGIN + 4 * width + 2 * GAP + APART
    picture = Image.new("RGB", (whole, HEAD + height + CAPTION + FOOT + MARGIN), theme.paper)
    pen = ImageDraw.Draw(picture)
    _draw_heading(pen, whole, similarity, note, closer_than, theme)
    sizes = np.abs(np.concatenate([smoothed(side.attributions).ravel() for side in sides]))
    # Posters with little in common must not get strong colours: full saturation needs at least the attribution of a
    # cosine of 0.5, spread evenly over the cells.
    scale = max(float(np.percentile(sizes, FULL)), 0.5 / sides[0].attributions.size)
    for number, side in enumerate(sides):
        left = MARGIN + number * (2 * width + GAP + APART)
        plain = side.picture.resize(POSTER, Image.Resampling.BICUBIC)
        for at, shown in ((left, plain), (left + width + GAP, heat_map(plain, side.attributions, scale))):
            picture.paste(shown, (at, HEAD))
            pen.rectangle((at - 1, HEAD - 1, at + width, HEAD + height), outline=theme.rule)
        if number:
            pen.line(
                (left - APART // 2, HEAD, left - APART // 2, HEAD + height + CAPTION - 8), fill=theme.rule, width=1
            )
        _draw_caption(pen, left, side, similarity, theme)
    _draw_scale(picture, pen, scale, sides[0].attributions.shape, theme)
    if cues:
        draw_cue_bars(pen, (whole - MARGIN - CUES_WIDTH, HEAD + height + CAPTION + 34), CUES_WIDTH, cues, theme)
    return picture


def heat_map(picture: Image.Image, attributions: np.ndarray, scale: float) -> Image.Image:
    """Draw a poster in grey with the colours of its cells.

    Args:
        picture: RGB.
        attributions: (rows, columns) contribution of each cell.
        scale: Size of an attribution with full colour.
    """
    smooth = smoothed(attributions)
    shown_parts = Image.fromarray(smooth.astype(np.float32)).resize(picture.size, Image.Resampling.BICUBIC)
    shown = _coloured(picture, np.clip(np.asarray(shown_parts) / scale, -1, 1))
    mask = Image.fromarray((strongest(smooth) * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    mask = mask.point(lambda value: 255 * (value > 127))
    edge = ImageChops.subtract(mask.filter(ImageFilter.MaxFilter(3)), mask)
    shown.paste("#ffffff", mask=edge)
    return shown


def _coloured(picture: Image.Image, heat: np.ndarray) -> Image.Image:
    """Draw a picture in grey with the colours of (H, W) heat from −1 to 1."""
    heat = heat[..., None]
    grey = np.asarray(ImageOps.grayscale(picture), dtype=np.float32)[..., None] * 0.5 + 14
    strength = np.abs(heat)
    colours = np.where(heat > 0, _ramp(strength, ADDS), _ramp(strength, TAKES))
    # Keep the poster's light and dark areas visible through the colour.
    lit = colours * (0.6 + 0.4 * grey / 141)
    opaque = 0.92 * strength**1.3
    return Image.fromarray(np.clip(grey * (1 - opaque) + lit * opaque, 0, 255).astype(np.uint8))


def smoothed(parts: np.ndarray, cells: float = SMOOTH) -> np.ndarray:
    """Blur attributions with a Gaussian for display; mirrored edges keep their sum.

    Args:
        parts: (rows, columns) attributions.
        cells: Standard deviation in cells.
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
    """Return the fewest cells that have a share of the positive sum: (rows, columns) bool; none if nothing is positive.

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


def _draw_heading(
    pen: ImageDraw.ImageDraw, whole: int, similarity: float, note: str, closer_than: float | None, theme: Theme
) -> None:
    pen.text((MARGIN, 58), "What makes them alike", font=font_for("W", 32, "semibold"), fill=theme.ink, anchor="ls")
    found = f"cosine {similarity:.2f}".replace("-", "−")
    pen.text((whole - MARGIN, 58), found, font=font_for(found, 32, "semibold"), fill=theme.ink, anchor="rs")
    worth = "" if closer_than is None else f"closer than {percent(closer_than)} of random pairs"
    pen.text((whole - MARGIN, 92), worth, font=font_for(worth, 16), fill=theme.ink, anchor="rs")
    cut = shorten(note, round(whole - 2 * MARGIN - text_width(worth, 16) - 30), 16)
    pen.text((MARGIN, 92), cut, font=font_for(cut, 16), fill=theme.muted, anchor="ls")


def _draw_scale(
    picture: Image.Image, pen: ImageDraw.ImageDraw, scale: float, cells: tuple[int, ...], theme: Theme
) -> None:
    """Draw the colour scale with its values, on medium grey."""
    (width, height), left, top = SCALE, MARGIN, HEAD + POSTER[1] + CAPTION + 34
    heat = np.broadcast_to(np.linspace(-1, 1, width), (height, width))
    picture.paste(_coloured(Image.new("RGB", SCALE, "#808080"), heat), (left, top))
    pen.rectangle((left - 1, top - 1, left + width, top + height), outline=theme.rule)
    title = "attribution of a cell: what it adds to the cosine"
    pen.text((left, top - 12), title, font=font_for(title, 16, "medium"), fill=theme.ink, anchor="ls")
    ticks = ((0, f"−{scale:.2g} or less", "ls"), (width // 2, "0", "ms"), (width, f"+{scale:.2g} or more", "rs"))
    for x, text, anchor in ticks:
        at = min(left + x, left + width - 1)
        pen.line((at, top + height, at, top + height + 5), fill=theme.muted, width=1)
        pen.text((left + x, top + height + 22), text, font=font_for(text, 16), fill=theme.muted, anchor=anchor)
    legend = [
        [Span("warm raises the cosine", theme.accent, "medium"), Span("cool lowers it", theme.frozen, "medium")],
        [Span("within the white line: half of all positive attributions", theme.muted)],
        [Span(f"{cells[0]} × {cells[1]} cells a poster, smoothed by one cell for the eye", theme.muted)],
    ]
    for row, line in enumerate(legend):
        draw_line(pen, (left + width + APART, top - 12 + 25 * row), line, 16, "     ")


def _draw_caption(pen: ImageDraw.ImageDraw, left: int, side: Side, similarity: float, theme: Theme) -> None:
    width, baseline = 2 * POSTER[0] + GAP, HEAD + POSTER[1] + 34
    name = shorten(side.name, width, 22, "semibold")
    pen.text((left, baseline), name, font=font_for(name, 22, "semibold"), fill=theme.ink, anchor="ls")
    for line in wrap_spans([Span(fact, theme.muted) for fact in side.facts], width, 16, 1):
        draw_line(pen, (left, baseline + 27), line, 16)
    added, taken = side.attributions.clip(min=0).sum(), side.attributions.clip(max=0).sum()
    sums = [
        Span(f"cosine {similarity:.2f} = baseline {side.baseline:.2f} + attributions".replace("-", "−"), theme.muted),
        Span(f"+{added:.2f}", theme.accent, "medium"),
        Span(f"−{abs(taken):.2f}", theme.frozen, "medium"),
    ]
    if abs(side.non_spatial) >= 0.005:
        sums.append(Span(f"+ non-spatial {side.non_spatial:.2f}".replace("-", "−"), theme.muted))
    draw_line(pen, (left, baseline + 56), sums, 17, "  ")


def _ramp(strength: np.ndarray, stops: Sequence[str]) -> np.ndarray:
    """Interpolate a colour ramp: (H, W, 3) colours for strengths (H, W, 1) from 0 to 1."""
    rgb = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops], dtype=np.float64)
    at = np.linspace(0, 1, len(stops))
    return np.concatenate([np.interp(strength, at, rgb[:, channel]) for channel in range(3)], axis=-1)
