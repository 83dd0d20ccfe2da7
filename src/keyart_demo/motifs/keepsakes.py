"""Objects one keeps or uses: hearts, glasses, cameras, crowns."""

# fmt: off
# Points read better in rows than one a line.

import math
import random

from keyart_demo.pen import Pen, arc


def heart(pen: Pen, rng: random.Random) -> None:
    """A heart, whole, broken or pierced."""
    points = []
    for i in range(40):
        t = 2 * math.pi * i / 40
        points.append((0.058 * 16 * math.sin(t) ** 3, -0.058 * (
            13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))))
    pen.poly(points, "detail")
    kind = rng.random()
    if kind < 0.3:
        pen.line([(0.02, -0.5), (-0.14, -0.2), (0.14, 0.05), (-0.1, 0.35), (0.02, 0.9)], 0.06, "detail", cut=True)
    elif kind < 0.55:
        pen.line([(-1.15, 0.5), (1.15, -0.5)], 0.05)
        pen.poly([(1.3, -0.56), (1.05, -0.6), (1.12, -0.36)])
        pen.poly([(-1.3, 0.72), (-1.06, 0.56), (-1.12, 0.36), (-1.36, 0.46)])
    elif kind < 0.8:
        pen.blob([(-0.66, -0.36), (-0.4, -0.62), (-0.26, -0.54), (-0.56, -0.2)], "light")


def camera(pen: Pen, rng: random.Random) -> None:
    """A film camera on its legs."""
    pen.rect(-0.5, -0.2, 0.3, 0.34)
    pen.poly([(0.3, -0.02), (0.62, -0.16), (0.62, 0.3), (0.3, 0.16)])
    for x, r in ((-0.42, 0.26), (0.12, 0.3)):
        pen.oval(x, -0.44, r)
        pen.oval(x, -0.44, r * 0.3, layer="detail")
        for k in range(5):
            a = 2 * math.pi * k / 5 + 0.3
            pen.oval(x + r * 0.62 * math.cos(a), -0.44 + r * 0.62 * math.sin(a), r * 0.17, layer="detail")
    pen.oval(-0.25, 0.07, 0.13, layer="detail")
    for foot in (-0.6, 0.0, 0.5):
        pen.limb([(-0.1, 0.34), (foot, 1.0)], [0.07, 0.05])


def microphone(pen: Pen, rng: random.Random) -> None:
    """A stage microphone."""
    pen.oval(0, -0.45, 0.36, 0.46)
    for k in range(5):
        pen.line(arc(0, -0.75 + k * 0.16, 0.36, 0.1, 20, 160), 0.035, "detail")
    pen.rect(-0.38, -0.44, 0.38, -0.36, "detail")
    pen.poly([(-0.16, 0.0), (0.16, 0.0), (0.1, 0.3), (-0.1, 0.3)])
    pen.rect(-0.045, 0.3, 0.045, 1.0)
    pen.oval(0, 1.0, 0.36, 0.06)


def globe(pen: Pen, rng: random.Random) -> None:
    """The globe with its grid and land."""
    pen.oval(0, 0, 0.92, layer="detail")
    for _ in range(5):
        x, y = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5)
        pen.blob([(x + rng.uniform(0.14, 0.32) * math.cos(a), y + rng.uniform(0.12, 0.28) * math.sin(a))
                  for a in (0, 0.9, 1.8, 2.7, 3.6, 4.5, 5.4)], "leaf")
    for k in (-0.6, -0.25, 0.1, 0.45, 0.75):
        half = math.sqrt(max(0.0, 1 - k * k)) * 0.92
        pen.line(arc(0, k * 0.92 - 0.05, half, 0.12, 0, 180), 0.014, "light")
    for k in (0.35, 0.7):
        pen.line(arc(0, 0, k * 0.92, 0.92, 0, 366, n=48), 0.014, "light")
    pen.ring(0, 0, 0.92, 0.03, "light")


def martini(pen: Pen, rng: random.Random) -> None:
    """A cocktail glass."""
    pen.poly([(-0.72, -0.7), (0.72, -0.7), (0.05, 0.1), (-0.05, 0.1)], "light")
    pen.poly([(-0.56, -0.5), (0.56, -0.5), (0.04, 0.06), (-0.04, 0.06)], "detail")
    pen.rect(-0.035, 0.05, 0.035, 0.85, "light")
    pen.oval(0, 0.88, 0.4, 0.07, "light")
    pen.line([(-0.2, -0.2), (0.62, -1.0)], 0.035)
    pen.oval(0.12, -0.5, 0.13, layer="leaf")
    pen.oval(0.12, -0.5, 0.045)


def umbrella(pen: Pen, rng: random.Random) -> None:
    """An open umbrella, gores in two colours."""
    pen.line([(0, -0.7), (0, 0.7)], 0.05)
    pen.line(arc(0.13, 0.7, 0.13, 0.16, 180, 10), 0.05)
    pen.poly([*arc(0, 0, 0.98, 0.78, 180, 360), *arc(0.735, 0, 0.245, 0.12, 0, -180),
              *arc(0.245, 0, 0.245, 0.12, 0, -180), *arc(-0.245, 0, 0.245, 0.12, 0, -180),
              *arc(-0.735, 0, 0.245, 0.12, 0, -180)], "detail")
    pen.poly([*arc(0, 0, 0.5, 0.78, 180, 270), *arc(0, 0, 0.06, 0.78, 270, 180), (-0.06, -0.06), (-0.245, -0.12),
              (-0.45, -0.03)], "shade")
    pen.poly([*arc(0, 0, 0.98, 0.78, 298, 360), (0.85, -0.1), (0.6, -0.1), (0.49, 0)], "shade")


def crown(pen: Pen, rng: random.Random) -> None:
    """A crown."""
    pen.poly([(-0.8, 0.5), (-0.95, -0.4), (-0.48, 0.02), (-0.25, -0.66), (0, -0.02), (0.25, -0.66), (0.48, 0.02),
              (0.95, -0.4), (0.8, 0.5)], "detail")
    pen.rect(-0.8, 0.32, 0.8, 0.55, "shade")
    for x, y in ((-0.95, -0.45), (-0.25, -0.72), (0.25, -0.72), (0.95, -0.45)):
        pen.oval(x, y, 0.09, layer="light")
    for x in (-0.5, 0.0, 0.5):
        pen.oval(x, 0.43, 0.07, layer="light")


def letter(pen: Pen, rng: random.Random) -> None:
    """A sealed letter."""
    pen.rect(-0.9, -0.55, 0.9, 0.6, "light")
    pen.poly([(-0.9, -0.55), (0.9, -0.55), (0, 0.14)], "shade")
    pen.line([(-0.9, -0.55), (0, 0.14), (0.9, -0.55)], 0.025)
    pen.oval(0, 0.1, 0.19, layer="detail")


def chair(pen: Pen, rng: random.Random) -> None:
    """An empty chair."""
    for x in (-0.36, 0.24):
        pen.rect(x, -0.95, x + 0.09, 0.95)
    for y in (-0.85, -0.55, -0.25):
        pen.rect(-0.36, y, 0.33, y + 0.1)
    pen.poly([(-0.42, 0.1), (0.3, 0.1), (0.6, 0.28), (-0.2, 0.28)])
    pen.rect(-0.18, 0.25, -0.1, 1.1)
    pen.rect(0.5, 0.25, 0.58, 1.1)


def compass(pen: Pen, rng: random.Random) -> None:
    """A compass rose."""
    pen.ring(0, 0, 0.9, 0.06, "detail")
    pen.ring(0, 0, 0.76, 0.02, "detail")
    turn = rng.uniform(-25, 25)
    pen.star(0, 0, 0.62, 4, 0.2, "detail", angle=turn - 45)
    pen.star(0, 0, 0.95, 4, 0.14, "light", angle=turn - 90)
    pen.oval(0, 0, 0.08)


def film_reel(pen: Pen, rng: random.Random) -> None:
    """A reel of film, its strip unrolling."""
    pen.line(arc(0.4, 0.55, 1.0, 0.36, 175, 20), 0.2)
    pen.oval(0, -0.1, 0.78)
    for k in range(6):
        a = 2 * math.pi * k / 6
        pen.oval(0.45 * math.cos(a), -0.1 + 0.45 * math.sin(a), 0.18, layer="detail")
    pen.oval(0, -0.1, 0.1, layer="detail")
