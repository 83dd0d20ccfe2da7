"""A pen that draws named layers of a motif as masks.

A motif is drawn in its own units: x to the right and y down, both in about [-1, 1]. The pen carries it to the canvas
(scale, turn, flip) and keeps one mask a layer, so that one motif can be printed flat, airbrushed or cut out.
"""

import math
import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

Point = tuple[float, float]


def smooth(points: Sequence[Point], *, closed: bool = True, steps: int = 7) -> list[Point]:
    """The Catmull-Rom spline through ``points``, ``steps`` points a span.

    Examples:
        >>> curve = smooth([(0, 0), (1, 0), (1, 1), (0, 1)], steps=4)
        >>> len(curve), curve[4]
        (16, (1.0, 0.0))
    """
    p = np.asarray(points, dtype=float)
    if not closed:
        p = np.concatenate([p[:1], p, p[-1:]])
    before, here, after, beyond = (np.roll(p, shift, axis=0)[:, None] for shift in (1, 0, -1, -2))
    if not closed:
        before, here, after, beyond = (side[1:-2] for side in (before, here, after, beyond))
    t = (np.arange(steps) / steps)[None, :, None]
    curve = 0.5 * (
        2 * here
        + (after - before) * t
        + (2 * before - 5 * here + 4 * after - beyond) * t**2
        + (3 * here - before - 3 * after + beyond) * t**3
    )
    flat = curve.reshape(-1, 2)
    if not closed:
        flat = np.concatenate([flat, p[-1:]])
    return [(float(x), float(y)) for x, y in flat]


class Pen:
    """Draws the layers of one motif on masks of the canvas's size.

    Args:
        size: Width and height of the canvas in pixels.
        at: Position of the motif's origin on the canvas, in pixels.
        scale: Pixels per unit.
        angle: Clockwise turn in degrees.
        flip: Mirrored left to right.
        wobble: Maximum displacement of corners, in units: above zero, curves become facets, as if cut with scissors.
        rng: Draws the straying.
    """

    def __init__(
        self,
        size: tuple[int, int],
        at: Point,
        scale: float,
        *,
        angle: float = 0.0,
        flip: bool = False,
        wobble: float = 0.0,
        rng: random.Random | None = None,
    ) -> None:
        self.size = size
        self.layers: dict[str, Image.Image] = {}
        self.wobble = wobble
        self.scale = scale
        self._pens: dict[str, ImageDraw.ImageDraw] = {}
        self._rng = rng or random.Random(0)
        turn = math.radians(angle)
        side = -1.0 if flip else 1.0
        self._x = (scale * side * math.cos(turn), -scale * math.sin(turn), at[0])
        self._y = (scale * side * math.sin(turn), scale * math.cos(turn), at[1])

    def _draw(self, layer: str) -> ImageDraw.ImageDraw:
        if layer not in self._pens:
            self.layers[layer] = Image.new("L", self.size, 0)
            self._pens[layer] = ImageDraw.Draw(self.layers[layer])
        return self._pens[layer]

    def _place(self, points: Iterable[Point], *, stray: bool = True) -> list[Point]:
        if self.wobble and stray:
            w, uniform = self.wobble, self._rng.uniform
            points = [(x + uniform(-w, w), y + uniform(-w, w)) for x, y in points]
        a, b, c = self._x
        d, e, f = self._y
        return [(a * x + b * y + c, d * x + e * y + f) for x, y in points]

    def poly(self, points: Iterable[Point], layer: str = "body", *, cut: bool = False, level: int = 255) -> None:
        """Fill a polygon on ``layer`` (``cut``: out of every layer drawn so far)."""
        placed = self._place(points)
        if cut:
            for pen in self._pens.values():
                pen.polygon(placed, fill=0)
        else:
            self._draw(layer).polygon(placed, fill=level)

    def blob(self, points: Sequence[Point], layer: str = "body", *, cut: bool = False) -> None:
        """Fill a smooth closed curve through ``points``."""
        if self.wobble:
            self.poly(smooth(points, steps=2), layer, cut=cut)
        else:
            self.poly(smooth(points), layer, cut=cut)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float | None = None,
        layer: str = "body",
        *,
        angle: float = 0.0,
        cut: bool = False,
    ) -> None:
        """Fill an ellipse about (x, y), turned by ``angle`` degrees."""
        self.poly(
            arc(x, y, rx, rx if ry is None else ry, 0, 360, angle=angle, n=13 if self.wobble else 40), layer, cut=cut
        )

    def pie(self, x: float, y: float, r: float, start: float, end: float, layer: str = "body") -> None:
        """Fill a slice from ``start`` to ``end`` degrees (0 is right, 90 is down)."""
        self.poly([(x, y), *arc(x, y, r, r, start, end)], layer)

    def rect(self, x0: float, y0: float, x1: float, y1: float, layer: str = "body", *, cut: bool = False) -> None:
        """Fill a rectangle."""
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], layer, cut=cut)

    def limb(self, points: Sequence[Point], widths: Sequence[float], layer: str = "body", *, cut: bool = False) -> None:
        """Fill a line of changing width with round joints: an arm, a branch, a tentacle."""
        for (a, b), (wa, wb) in zip(pairwise(points), pairwise(widths), strict=True):
            dx, dy = b[0] - a[0], b[1] - a[1]
            length = math.hypot(dx, dy) or 1e-6
            nx, ny = -dy / length / 2, dx / length / 2
            self.poly(
                [
                    (a[0] + nx * wa, a[1] + ny * wa),
                    (b[0] + nx * wb, b[1] + ny * wb),
                    (b[0] - nx * wb, b[1] - ny * wb),
                    (a[0] - nx * wa, a[1] - ny * wa),
                ],
                layer,
                cut=cut,
            )
        for (x, y), width in zip(points, widths, strict=True):
            if width * self.scale > 3:
                self.oval(x, y, width / 2, layer=layer, cut=cut)

    def line(self, points: Sequence[Point], width: float, layer: str = "body", *, cut: bool = False) -> None:
        """Draw a line of one width (in units)."""
        placed = self._place(points, stray=False)
        thick = max(1, round(width * self.scale))
        for pen in self._pens.values() if cut else [self._draw(layer)]:
            pen.line(placed, fill=0 if cut else 255, width=thick, joint="curve")

    def ring(self, x: float, y: float, r: float, width: float, layer: str = "body", *, cut: bool = False) -> None:
        """Draw a circle's outline."""
        self.line(arc(x, y, r, r, 0, 366, n=56), width, layer, cut=cut)

    def star(
        self,
        x: float,
        y: float,
        r: float,
        n: int = 5,
        inner: float = 0.45,
        layer: str = "body",
        *,
        angle: float = -90.0,
        cut: bool = False,
    ) -> None:
        """Fill a star of ``n`` rays."""
        corners = []
        for i in range(2 * n):
            radius = r if i % 2 == 0 else r * inner
            turn = math.radians(angle + 180 * i / n)
            corners.append((x + radius * math.cos(turn), y + radius * math.sin(turn)))
        self.poly(corners, layer, cut=cut)


def arc(
    x: float, y: float, rx: float, ry: float, start: float, end: float, *, angle: float = 0.0, n: int = 32
) -> list[Point]:
    """Points of an ellipse's arc from ``start`` to ``end`` degrees (0 is right, 90 is down), turned by ``angle``."""
    turn = math.radians(angle)
    c, s = math.cos(turn), math.sin(turn)
    points = []
    for i in range(n):
        t = math.radians(start + (end - start) * i / (n - 1))
        u, v = rx * math.cos(t), ry * math.sin(t)
        points.append((x + c * u - s * v, y + s * u + c * v))
    return points
