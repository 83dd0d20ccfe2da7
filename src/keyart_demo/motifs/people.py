"""Whole figures: head at y = -1, feet at y = 1, drawn from limbs, coats and hats."""

# fmt: off
# Points read better in rows than one a line.

import random

from keyart_demo.pen import Pen, Point


def _head(pen: Pen, x: float = 0.0, y: float = -0.84, r: float = 0.092, layer: str = "body") -> None:
    pen.oval(x, y, r * 0.9, r * 1.18, layer)
    pen.rect(x - r * 0.42, y + r * 0.7, x + r * 0.42, y + r * 2.0, layer)


def _fedora(pen: Pen, x: float = 0.0, y: float = -0.9, layer: str = "body") -> None:
    pen.oval(x, y, 0.2, 0.035, layer, angle=-4)
    pen.blob([(x - 0.11, y), (x - 0.105, y - 0.11), (x - 0.03, y - 0.125), (x + 0.04, y - 0.115),
              (x + 0.11, y - 0.1), (x + 0.11, y)], layer)


def _stetson(pen: Pen, x: float = 0.0, y: float = -0.9, layer: str = "body") -> None:
    pen.blob([(x - 0.29, y - 0.07), (x - 0.17, y + 0.02), (x, y + 0.035), (x + 0.17, y + 0.02), (x + 0.29, y - 0.07),
              (x + 0.15, y - 0.015), (x, y - 0.005), (x - 0.15, y - 0.015)], layer)
    pen.blob([(x - 0.12, y), (x - 0.11, y - 0.14), (x - 0.05, y - 0.17), (x, y - 0.145), (x + 0.05, y - 0.17),
              (x + 0.11, y - 0.14), (x + 0.12, y)], layer)


def _coat(pen: Pen, hem: float = 0.42, flare: float = 0.3) -> None:
    pen.blob([(-0.07, -0.74), (-0.2, -0.66), (-0.26, -0.5), (-0.2, -0.05), (-flare, hem), (0, hem + 0.05),
              (flare, hem), (0.2, -0.05), (0.26, -0.5), (0.2, -0.66), (0.07, -0.74)])


def _leg(pen: Pen, hip: Point, knee: Point, foot: Point, thick: float = 0.17, toe: float = 0.06) -> None:
    pen.limb([hip, knee, foot], [thick, thick * 0.8, thick * 0.52])
    pen.oval(foot[0] + toe, foot[1], 0.085, 0.035)


def stranger(pen: Pen, rng: random.Random) -> None:
    """A man in a long coat, with or without a hat, seen against the light."""
    _head(pen)
    if rng.random() < 0.6:
        _fedora(pen)
    _coat(pen, hem=rng.uniform(0.3, 0.55))
    for side in (-1, 1):
        pen.limb([(side * 0.21, -0.6), (side * 0.3, -0.2), (side * 0.25, 0.1)], [0.13, 0.11, 0.08])
        _leg(pen, (side * 0.1, 0.2), (side * 0.11, 0.55), (side * 0.13, 0.97), toe=side * 0.04)


def walker(pen: Pen, rng: random.Random) -> None:
    """Someone walking away, mid-stride, with a bag or a suitcase."""
    _head(pen)
    pen.blob([(-0.07, -0.74), (-0.2, -0.65), (-0.22, -0.4), (-0.17, 0.12), (0.17, 0.12), (0.22, -0.4), (0.2, -0.65),
              (0.07, -0.74)])
    pen.limb([(-0.19, -0.6), (-0.27, -0.25), (-0.2, 0.02)], [0.12, 0.1, 0.07])
    pen.limb([(0.19, -0.6), (0.3, -0.28), (0.3, 0.03)], [0.12, 0.1, 0.07])
    _leg(pen, (-0.08, 0.05), (-0.16, 0.5), (-0.25, 0.95), toe=-0.02)
    _leg(pen, (0.08, 0.05), (0.12, 0.52), (0.13, 0.97), toe=0.03)
    if rng.random() < 0.6:
        pen.rect(0.2, 0.1, 0.46, 0.36)
        pen.line([(0.26, 0.1), (0.26, 0.03), (0.38, 0.03), (0.38, 0.1)], 0.03)


def runner(pen: Pen, rng: random.Random) -> None:
    """A sprinter leaning into the run."""
    pen.oval(0.24, -0.8, 0.09, 0.11, angle=15)
    pen.limb([(0.2, -0.7), (0.13, -0.58)], [0.09, 0.14])
    pen.limb([(0.14, -0.56), (0.02, -0.3), (-0.06, 0.02)], [0.27, 0.25, 0.21])
    pen.limb([(0.18, -0.55), (0.46, -0.42), (0.56, -0.66)], [0.12, 0.1, 0.07])
    pen.limb([(0.08, -0.55), (-0.3, -0.46), (-0.34, -0.18)], [0.12, 0.1, 0.07])
    pen.limb([(-0.04, 0.02), (0.32, 0.2), (0.2, 0.62), (0.32, 0.66)], [0.2, 0.17, 0.09, 0.06])
    pen.limb([(-0.08, 0.04), (-0.22, 0.45), (-0.66, 0.56), (-0.7, 0.44)], [0.2, 0.16, 0.09, 0.06])
    if rng.random() < 0.4:
        pen.limb([(0.54, -0.68), (0.78, -0.74)], [0.06, 0.04])


def gunman(pen: Pen, rng: random.Random) -> None:
    """A figure aiming sideways, feet apart."""
    _head(pen, -0.02)
    if rng.random() < 0.3:
        _fedora(pen, -0.02)
    pen.blob([(-0.09, -0.72), (-0.22, -0.62), (-0.22, -0.3), (-0.2, 0.1), (0.17, 0.1), (0.16, -0.3), (0.2, -0.6),
              (0.07, -0.72)])
    pen.limb([(0.14, -0.58), (0.45, -0.56), (0.72, -0.6)], [0.13, 0.1, 0.07])
    pen.limb([(-0.12, -0.56), (0.2, -0.44), (0.66, -0.58)], [0.13, 0.11, 0.07])
    pen.poly([(0.66, -0.68), (1.0, -0.69), (1.0, -0.62), (0.78, -0.61), (0.77, -0.52), (0.69, -0.52)])
    _leg(pen, (-0.1, 0.02), (-0.26, 0.5), (-0.36, 0.96), toe=-0.03)
    _leg(pen, (0.08, 0.02), (0.24, 0.48), (0.3, 0.96), toe=0.04)


def woman(pen: Pen, rng: random.Random) -> None:
    """A woman in a long or swinging dress."""
    long = rng.random() < 0.5
    pen.oval(0, -0.84, 0.075, 0.1)
    pen.blob([(-0.1, -0.9), (0, -0.98), (0.1, -0.9), (0.13, -0.68), (0.09, -0.6), (-0.1, -0.6), (-0.13, -0.7)])
    pen.limb([(0, -0.76), (0, -0.64)], [0.06, 0.09])
    hem = 0.95 if long else 0.38
    wide = 0.24 if long else 0.36
    pen.blob([(-0.15, -0.64), (-0.15, -0.48), (-0.1, -0.28), (-0.17, 0.0), (-wide, hem), (0, hem + 0.04), (wide, hem),
              (0.17, 0.0), (0.1, -0.28), (0.15, -0.48), (0.15, -0.64), (0, -0.66)])
    pen.limb([(-0.14, -0.6), (-0.26, -0.3), (-0.2, 0.02)], [0.08, 0.065, 0.05])
    if rng.random() < 0.5:
        pen.limb([(0.14, -0.6), (0.32, -0.4), (0.12, -0.2)], [0.08, 0.065, 0.05])
    else:
        pen.limb([(0.14, -0.6), (0.26, -0.3), (0.3, 0.02)], [0.08, 0.065, 0.05])
    for side in (-1, 1):
        pen.limb([(side * 0.07, 0.2), (side * 0.07, 0.6), (side * 0.06, 0.98)], [0.13, 0.1, 0.05])


def couple(pen: Pen, rng: random.Random) -> None:
    """Two people about to kiss, or dancing."""
    pen.oval(-0.09, -0.8, 0.085, 0.105, angle=12)
    pen.oval(0.1, -0.72, 0.078, 0.098, angle=-16)
    pen.blob([(0.1, -0.83), (0.2, -0.76), (0.22, -0.58), (0.14, -0.5), (0.1, -0.62)])
    pen.blob([(-0.14, -0.7), (-0.3, -0.58), (-0.3, -0.3), (-0.26, 0.12), (-0.02, 0.12), (0.0, -0.3), (-0.03, -0.62)])
    pen.blob([(0.08, -0.62), (0.2, -0.54), (0.17, -0.3), (0.2, -0.05), (0.44, 0.5), (0.2, 0.58), (-0.02, 0.5),
              (0.02, -0.05), (0.02, -0.4)])
    pen.limb([(-0.22, -0.55), (-0.06, -0.32), (0.14, -0.3)], [0.12, 0.1, 0.07])
    pen.limb([(0.14, -0.54), (-0.02, -0.52), (-0.18, -0.62)], [0.08, 0.07, 0.05])
    _leg(pen, (-0.2, 0.05), (-0.22, 0.5), (-0.22, 0.97), toe=0.03)
    _leg(pen, (-0.09, 0.05), (-0.06, 0.5), (-0.04, 0.97), toe=0.04)
    if rng.random() < 0.5:
        pen.limb([(0.17, 0.45), (0.18, 0.97)], [0.1, 0.05])
        pen.limb([(0.22, 0.45), (0.42, 0.66), (0.6, 0.6)], [0.1, 0.08, 0.05])
    else:
        pen.limb([(0.14, 0.45), (0.13, 0.97)], [0.1, 0.05])
        pen.limb([(0.24, 0.45), (0.25, 0.97)], [0.1, 0.05])


def cowboy(pen: Pen, rng: random.Random) -> None:
    """A gunslinger waiting to draw."""
    _head(pen)
    _stetson(pen)
    pen.blob([(-0.08, -0.74), (-0.22, -0.65), (-0.24, -0.35), (-0.17, 0.05), (0.17, 0.05), (0.24, -0.35), (0.22, -0.65),
              (0.08, -0.74)])
    if rng.random() < 0.6:
        pen.poly([(-0.2, -0.6), (-0.17, 0.0), (-0.42, 0.56), (-0.28, 0.58), (-0.1, 0.1)])
        pen.poly([(0.2, -0.6), (0.17, 0.0), (0.42, 0.56), (0.28, 0.58), (0.1, 0.1)])
    for side in (-1, 1):
        pen.limb([(side * 0.2, -0.6), (side * 0.42, -0.25), (side * 0.34, 0.04)], [0.13, 0.1, 0.08])
        _leg(pen, (side * 0.1, 0.0), (side * 0.22, 0.5), (side * 0.27, 0.96), toe=side * 0.05)
    pen.poly([(0.26, 0.02), (0.34, 0.02), (0.32, 0.24), (0.25, 0.24)])


def astronaut(pen: Pen, rng: random.Random) -> None:
    """An astronaut in a bulky suit."""
    pen.limb([(0, -0.35), (0, 0.15)], [0.56, 0.5])
    pen.rect(-0.4, -0.6, 0.4, 0.0)
    tilt = rng.uniform(-0.12, 0.12)
    pen.limb([(-0.28, -0.45), (-0.52, -0.1 + tilt), (-0.5, 0.25 + tilt)], [0.22, 0.2, 0.15])
    pen.limb([(0.28, -0.45), (0.54, -0.2 - tilt), (0.62, 0.1 - tilt)], [0.22, 0.2, 0.15])
    for side in (-1, 1):
        pen.limb([(side * 0.15, 0.15), (side * 0.2, 0.55), (side * 0.2, 0.92)], [0.27, 0.25, 0.22])
        pen.oval(side * 0.23, 0.95, 0.17, 0.07)
    pen.oval(0, -0.7, 0.27, 0.28, "light")
    pen.oval(0.03, -0.69, 0.2, 0.19, "detail")
    pen.rect(-0.14, -0.2, 0.14, 0.02, "light")


def child(pen: Pen, rng: random.Random) -> None:
    """A child with a balloon or a kite."""
    pen.oval(0, -0.05, 0.14, 0.15)
    pen.blob([(-0.1, 0.1), (-0.18, 0.2), (-0.22, 0.55), (0, 0.6), (0.22, 0.55), (0.18, 0.2), (0.1, 0.1)])
    for side in (-1, 1):
        pen.limb([(side * 0.09, 0.5), (side * 0.1, 0.96)], [0.13, 0.09])
        pen.oval(side * 0.13, 0.97, 0.08, 0.035)
    pen.limb([(-0.14, 0.22), (-0.3, 0.45)], [0.09, 0.06])
    pen.limb([(0.14, 0.22), (0.32, 0.02)], [0.09, 0.06])
    x = rng.uniform(0.35, 0.5)
    pen.line([(0.32, 0.02), (x, -0.55)], 0.014)
    if rng.random() < 0.7:
        pen.oval(x, -0.76, 0.2, 0.24, "detail")
        pen.poly([(x - 0.04, -0.5), (x + 0.04, -0.5), (x, -0.54)], "detail")
    else:
        pen.poly([(x, -1.0), (x + 0.2, -0.74), (x, -0.46), (x - 0.2, -0.74)], "detail")
