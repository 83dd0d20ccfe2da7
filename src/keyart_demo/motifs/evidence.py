"""Objects of crime, horror and the west: weapons, marks, badges."""

# fmt: off
# Points read better in rows than one a line.

import math
import random

from keyart_demo.pen import Pen, arc


def revolver(pen: Pen, rng: random.Random) -> None:
    """A revolver, pointing right."""
    pen.poly([(-0.3, -0.38), (0.98, -0.38), (0.98, -0.22), (0.2, -0.2), (0.16, 0.08), (-0.3, 0.08)])
    pen.poly([(0.86, -0.38), (0.9, -0.47), (0.96, -0.47), (0.96, -0.38)])
    pen.blob([(-0.3, -0.36), (-0.44, -0.44), (-0.5, -0.3), (-0.46, -0.1), (-0.72, 0.56), (-0.66, 0.68), (-0.42, 0.7),
              (-0.36, 0.62), (-0.2, 0.06)])
    pen.rect(-0.18, -0.33, 0.17, 0.06, "shade")
    for k in range(3):
        pen.line([(-0.16, -0.24 + k * 0.12), (0.15, -0.24 + k * 0.12)], 0.02)
    pen.line(arc(-0.03, 0.1, 0.15, 0.2, 0, 180), 0.035)
    pen.line([(-0.02, 0.06), (-0.06, 0.22)], 0.035)


def knife(pen: Pen, rng: random.Random) -> None:
    """A knife, point down."""
    pen.blob([(-0.1, -0.95), (0.1, -0.95), (0.11, -0.5), (0.09, -0.3), (-0.09, -0.3), (-0.11, -0.5)])
    pen.rect(-0.16, -0.33, 0.16, -0.26)
    pen.poly([(-0.13, -0.26), (0.13, -0.26), (0.13, 0.5), (-0.02, 0.95), (-0.13, 0.6)], "light")
    pen.poly([(0.02, -0.26), (0.13, -0.26), (0.13, 0.5), (-0.02, 0.95)], "shade")
    if rng.random() < 0.55:
        pen.blob([(-0.13, 0.35), (0.0, 0.2), (0.13, 0.3), (0.13, 0.5), (-0.02, 0.95), (-0.13, 0.6)], "detail")
        pen.oval(-0.02, 1.1, 0.05, 0.08, "detail")


def bottle(pen: Pen, rng: random.Random) -> None:
    """A poison or wine bottle."""
    pen.rect(-0.11, -1.0, 0.11, -0.4)
    pen.blob([(-0.12, -0.5), (-0.34, -0.2), (-0.36, 0.2), (-0.34, 0.95), (0.34, 0.95), (0.36, 0.2), (0.34, -0.2),
              (0.12, -0.5)])
    pen.rect(-0.28, 0.1, 0.28, 0.66, "light")
    pen.oval(0, 0.36, 0.12, layer="detail")


def sword(pen: Pen, rng: random.Random) -> None:
    """A sword, point down or up."""
    pen.poly([(-0.085, -0.45), (0.085, -0.45), (0.06, 0.8), (0, 1.0), (-0.06, 0.8)], "light")
    pen.poly([(0, -0.45), (0.085, -0.45), (0.06, 0.8), (0, 1.0)], "shade")
    pen.blob([(-0.42, -0.5), (-0.36, -0.43), (0, -0.4), (0.36, -0.43), (0.42, -0.5), (0, -0.52)], "detail")
    pen.rect(-0.055, -0.86, 0.055, -0.5)
    pen.oval(0, -0.93, 0.1, layer="detail")
    pen.oval(0, -0.47, 0.06)


def badge(pen: Pen, rng: random.Random) -> None:
    """A sheriff's star."""
    n = rng.choice([5, 6])
    pen.star(0, 0, 0.92, n, 0.5, "detail")
    for i in range(n):
        a = math.radians(-90 + 360 * i / n)
        pen.oval(0.92 * math.cos(a), 0.92 * math.sin(a), 0.11, layer="detail")
    pen.ring(0, 0, 0.34, 0.05)
    pen.star(0, 0, 0.25, 5)
    if rng.random() < 0.4:
        pen.oval(0.3, 0.2, 0.08)


def horseshoe(pen: Pen, rng: random.Random) -> None:
    """A horseshoe."""
    pen.limb([(x, y) for x, y in arc(0, -0.1, 0.62, 0.72, 125, 415, n=26)], [0.3] * 26, "body")
    for t in range(150, 400, 42):
        a = math.radians(t)
        pen.rect(0.62 * math.cos(a) - 0.035, -0.1 + 0.72 * math.sin(a) - 0.05, 0.62 * math.cos(a) + 0.035,
                 -0.1 + 0.72 * math.sin(a) + 0.05, "light")


def hat(pen: Pen, rng: random.Random) -> None:
    """A cowboy hat alone."""
    pen.blob([(-1.0, 0.05), (-0.6, 0.32), (0, 0.42), (0.6, 0.32), (1.0, 0.05), (0.6, 0.14), (0.42, 0.1), (-0.42, 0.1),
              (-0.6, 0.14)])
    pen.blob([(-0.46, 0.2), (-0.44, -0.3), (-0.24, -0.56), (0, -0.44), (0.24, -0.56), (0.44, -0.3), (0.46, 0.2),
              (0, 0.3)])
    pen.poly([(-0.46, 0.02), (0, 0.1), (0.46, 0.02), (0.46, 0.14), (0, 0.23), (-0.46, 0.14)], "detail")


def hand(pen: Pen, rng: random.Random) -> None:
    """A hand reaching up."""
    pen.limb([(0.02, 1.3), (0.0, 0.5)], [0.42, 0.36])
    pen.blob([(-0.34, 0.1), (-0.3, -0.14), (0.3, -0.14), (0.36, 0.15), (0.22, 0.6), (-0.2, 0.6)])
    spread = rng.uniform(0.8, 1.3)
    for x, reach, lean in ((-0.25, 0.62, -0.16), (-0.08, 0.78, -0.05), (0.09, 0.76, 0.06), (0.25, 0.6, 0.18)):
        bend = lean * spread
        pen.limb([(x, -0.05), (x + 0.6 * bend, -0.05 - reach * 0.55), (x + 0.8 * bend, -0.05 - reach)],
                 [0.17, 0.14, 0.09])
    pen.limb([(0.26, 0.4), (0.52, 0.12), (0.56, -0.16)], [0.2, 0.16, 0.1])


def key(pen: Pen, rng: random.Random) -> None:
    """An old key."""
    pen.ring(0, -0.62, 0.28, 0.13, "detail")
    pen.rect(-0.06, -0.36, 0.06, 0.95, "detail")
    pen.rect(0.0, 0.55, 0.3, 0.66, "detail")
    pen.rect(0.0, 0.78, 0.36, 0.9, "detail")


def fingerprint(pen: Pen, rng: random.Random) -> None:
    """A fingerprint."""
    for k in range(8):
        r = 0.1 + 0.11 * k
        start = 150 + rng.uniform(-30, 30)
        pen.line(arc(0, 0.1, r * 0.78, r * 1.05, start, start + rng.uniform(220, 300), n=40), 0.05, "detail")


def target(pen: Pen, rng: random.Random) -> None:
    """A cross-hair."""
    for r, w in ((0.9, 0.05), (0.58, 0.03), (0.28, 0.03)):
        pen.ring(0, 0, r, w, "detail")
    for a, b in (((-1.15, 0), (-0.14, 0)), ((0.14, 0), (1.15, 0)), ((0, -1.15), (0, -0.14)), ((0, 0.14), (0, 1.15))):
        pen.line([a, b], 0.035, "detail")
    pen.oval(0, 0, 0.06, layer="detail")
