"""Trees, plants, fire, weather."""

# fmt: off
# Points read better in rows than one a line.

import math
import random

from keyart_demo.pen import Pen


def _branch(pen: Pen, rng: random.Random, x: float, y: float, turn: float, length: float, width: float) -> None:
    ex, ey = x + length * math.sin(turn), y - length * math.cos(turn)
    pen.limb([(x, y), (ex, ey)], [width, width * 0.62])
    if length > 0.13:
        for spread in (-1, 1):
            _branch(pen, rng, ex, ey, turn + spread * rng.uniform(0.25, 0.65), length * rng.uniform(0.6, 0.8),
                    width * 0.62)


def bare_tree(pen: Pen, rng: random.Random) -> None:
    """A leafless tree."""
    _branch(pen, rng, 0.0, 1.0, rng.uniform(-0.1, 0.1), 0.62, 0.17)
    pen.blob([(-0.3, 1.04), (-0.07, 0.8), (0.07, 0.8), (0.3, 1.04)])


def tree(pen: Pen, rng: random.Random) -> None:
    """A broad tree in leaf."""
    pen.limb([(0, 1.0), (0, 0.3), (0.05, -0.1)], [0.2, 0.12, 0.08])
    pen.limb([(0, 0.35), (-0.3, 0.0)], [0.09, 0.05])
    for _ in range(11):
        a, r = rng.uniform(0, 2 * math.pi), rng.uniform(0.1, 0.46)
        pen.oval(r * math.cos(a) * 1.15, -0.3 + r * math.sin(a) * 0.85, rng.uniform(0.2, 0.34), layer="leaf")


def pine(pen: Pen, rng: random.Random) -> None:
    """A pine."""
    pen.rect(-0.05, 0.6, 0.05, 1.0)
    for k in range(5):
        y, half = -1.0 + k * 0.34, 0.17 + k * 0.08
        pen.poly([(0, y), (half, y + 0.5), (half * 0.3, y + 0.44), (0, y + 0.52), (-half * 0.3, y + 0.44),
                  (-half, y + 0.5)])


def palm(pen: Pen, rng: random.Random) -> None:
    """A palm leaning over."""
    lean = rng.choice([-1, 1]) * rng.uniform(0.2, 0.4)
    pen.limb([(0, 1.0), (lean * 0.3, 0.3), (lean, -0.4)], [0.13, 0.09, 0.07])
    for k in range(7):
        a = math.pi * (0.02 + 0.16 * k) + math.pi
        dx, dy = math.cos(a) * 0.62, math.sin(a) * 0.42
        pen.blob([(lean, -0.4), (lean + dx * 0.5, -0.4 + dy * 0.9 - 0.08), (lean + dx, -0.4 + dy + 0.2),
                  (lean + dx * 0.5, -0.4 + dy * 0.7)])


def cactus(pen: Pen, rng: random.Random) -> None:
    """A saguaro."""
    pen.limb([(0, 1.0), (0, -0.8)], [0.27, 0.24])
    h = rng.uniform(-0.15, 0.15)
    pen.limb([(0, 0.25 + h), (-0.42, 0.2 + h), (-0.44, -0.3 + h)], [0.16, 0.17, 0.15])
    pen.limb([(0, 0.0 - h), (0.4, -0.06 - h), (0.42, -0.55 - h)], [0.16, 0.17, 0.15])


def rose(pen: Pen, rng: random.Random) -> None:
    """A rose on its stem."""
    pen.limb([(0.05, 1.0), (-0.06, 0.4), (0, -0.2)], [0.05, 0.05, 0.06])
    for side, y in ((-1, 0.5), (1, 0.25)):
        pen.blob([(0, y), (side * 0.22, y - 0.2), (side * 0.48, y - 0.2), (side * 0.26, y)], "leaf")
    pen.blob([(0, -0.12), (0.34, -0.3), (0.4, -0.62), (0.2, -0.9), (0, -0.8), (-0.2, -0.92), (-0.4, -0.62),
              (-0.34, -0.3)], "detail")
    pen.blob([(-0.2, -0.8), (0.0, -0.62), (0.22, -0.8), (0.24, -0.6), (0.0, -0.36), (-0.24, -0.58)], "shade")
    pen.oval(0.0, -0.7, 0.12, 0.1, "detail")
    pen.line([(-0.1, -0.7), (0, -0.65), (0.1, -0.72)], 0.03, "shade")
    if rng.random() < 0.4:
        pen.oval(0.3, 0.4, 0.08, 0.05, "detail", angle=30)


def flame(pen: Pen, rng: random.Random) -> None:
    """A flame."""
    s = rng.uniform(0.85, 1.1)
    pen.blob([(0, 1.0), (0.5, 0.8), (0.62, 0.3), (0.38, -0.1), (0.36, -0.4), (0.2, -0.2), (0.08, -0.95 * s),
              (-0.18, -0.4), (-0.26, -0.1), (-0.4, -0.3), (-0.6, 0.3), (-0.5, 0.8)], "detail")
    pen.blob([(0, 1.0), (0.3, 0.84), (0.34, 0.5), (0.12, 0.2), (0.05, -0.25), (-0.16, 0.2), (-0.32, 0.5),
              (-0.28, 0.84)], "light")


def burst(pen: Pen, rng: random.Random) -> None:
    """An explosion: ragged rays about a hot core."""
    for layer, radius in (("detail", 1.0), ("glow", 0.72), ("light", 0.42)):
        corners = []
        n = 26
        for i in range(n):
            r = radius * (rng.uniform(0.82, 1.08) if i % 2 == 0 else rng.uniform(0.45, 0.62))
            a = 2 * math.pi * i / n
            corners.append((r * math.cos(a), r * math.sin(a)))
        pen.poly(corners, layer)


def bolt(pen: Pen, rng: random.Random) -> None:
    """A stroke of lightning."""
    pen.poly([(0.1, -1.0), (-0.42, 0.1), (-0.06, 0.08), (-0.3, 1.0), (0.44, -0.16), (0.06, -0.14), (0.42, -1.0)],
             "detail")


def wave(pen: Pen, rng: random.Random) -> None:
    """A breaking wave."""
    pen.blob([(-1.5, 1.0), (-1.0, 0.5), (-0.55, 0.0), (-0.1, -0.5), (0.4, -0.7), (0.85, -0.5), (0.95, -0.1),
              (0.7, -0.28), (0.42, -0.25), (0.3, 0.1), (0.6, 0.55), (1.5, 0.7), (1.5, 1.2), (-1.5, 1.2)])
    pen.blob([(-0.5, 0.2), (-0.05, -0.3), (0.35, -0.5), (0.7, -0.45), (0.3, -0.35), (0.05, 0.0), (0.1, 0.5)], "shade")
    for x, y, r in ((0.95, 0.02, 0.08), (0.8, -0.05, 0.1), (1.08, 0.2, 0.05), (0.62, -0.14, 0.08), (0.9, 0.24, 0.04)):
        pen.oval(x, y, r, layer="light")


def leaf(pen: Pen, rng: random.Random) -> None:
    """A tropical leaf."""
    pen.blob([(0, 1.0), (0.42, 0.5), (0.52, 0.0), (0.3, -0.6), (0, -1.0), (-0.3, -0.6), (-0.52, 0.0), (-0.42, 0.5)],
             "leaf")
    pen.line([(0, 1.0), (0, -0.9)], 0.035, "shade")
    for k in range(5):
        y = 0.6 - k * 0.3
        for side in (-1, 1):
            pen.line([(0, y), (side * 0.42, y - 0.26)], 0.028, "shade")
