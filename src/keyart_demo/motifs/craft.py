"""Things that carry people: ships, rockets, cars, balloons."""

# fmt: off
# Points read better in rows than one a line.

import math
import random

from keyart_demo.pen import Pen, arc


def sailing_ship(pen: Pen, rng: random.Random) -> None:
    """A three-master under sail."""
    pen.blob([(-0.95, 0.42), (-0.6, 0.5), (0.5, 0.5), (0.98, 0.34), (0.8, 0.62), (0.6, 0.88), (-0.6, 0.88),
              (-0.84, 0.66)])
    pen.line([(0.9, 0.36), (1.25, 0.1)], 0.035)
    for x, top in ((-0.52, -0.6), (0.02, -0.95), (0.52, -0.66)):
        pen.rect(x - 0.02, top, x + 0.02, 0.5)
        for k in range(3):
            y0 = top + 0.08 + k * (0.36 - 0.04 * k)
            w = 0.14 + 0.055 * k
            h = 0.3 - 0.02 * k
            pen.blob([(x - w, y0), (x + w, y0), (x + w + 0.09, y0 + h * 0.5), (x + w, y0 + h), (x - w, y0 + h),
                      (x - w + 0.08, y0 + h * 0.5)], "light")
        pen.poly([(x, top), (x + 0.18, top + 0.03), (x, top + 0.08)], "detail")


def rocket(pen: Pen, rng: random.Random) -> None:
    """A rocket under thrust."""
    pen.blob([(0, 0.5), (0.26, 0.7), (0.12, 1.0), (0, 1.35), (-0.12, 1.0), (-0.26, 0.7)], "detail")
    pen.blob([(0, -1.0), (0.22, -0.6), (0.3, -0.1), (0.24, 0.46), (-0.24, 0.46), (-0.3, -0.1), (-0.22, -0.6)], "light")
    pen.blob([(0.02, -1.0), (0.22, -0.6), (0.3, -0.1), (0.24, 0.46), (0.06, 0.46), (0.12, -0.2)], "shade")
    for side in (-1, 1):
        pen.poly([(side * 0.24, 0.0), (side * 0.6, 0.5), (side * 0.56, 0.78), (side * 0.22, 0.46)], "body")
    pen.rect(-0.16, 0.44, 0.16, 0.56)
    pen.oval(0, -0.32, 0.13)
    pen.oval(0, -0.32, 0.085, layer="detail")


def starship(pen: Pen, rng: random.Random) -> None:
    """A long spaceship, seen from the side."""
    pen.poly([(-1.0, 0.0), (-0.7, -0.16), (0.1, -0.2), (0.4, -0.36), (0.6, -0.34), (0.62, -0.16), (0.95, -0.12),
              (0.95, 0.14), (0.5, 0.2), (-0.6, 0.14)])
    pen.poly([(-1.0, 0.0), (-0.6, 0.14), (0.5, 0.2), (0.95, 0.14), (0.95, 0.04), (-0.2, 0.04)], "shade")
    pen.poly([(0.0, 0.18), (0.5, 0.2), (0.7, 0.5), (0.2, 0.44)])
    for k in range(9):
        pen.rect(-0.5 + k * 0.13, -0.05, -0.45 + k * 0.13, -0.02, "light")
    pen.poly([(0.95, -0.1), (1.5, 0.0), (0.95, 0.12)], "glow")


def saucer(pen: Pen, rng: random.Random) -> None:
    """A flying saucer and its beam."""
    pen.poly([(-0.3, 0.1), (0.3, 0.1), (0.85, 1.6), (-0.85, 1.6)], "glow")
    pen.pie(0, -0.12, 0.36, 180, 360, "light")
    pen.oval(0, 0, 0.98, 0.2)
    pen.oval(0, -0.06, 0.8, 0.12, "shade")
    for k in range(7):
        pen.oval(-0.72 + k * 0.24, 0.06 + 0.03 * math.sin(k), 0.05, layer="detail")


def car(pen: Pen, rng: random.Random) -> None:
    """A fast or an old car, from the side."""
    if rng.random() < 0.5:
        pen.blob([(-1.0, 0.32), (-0.98, 0.02), (-0.5, -0.06), (-0.2, -0.36), (0.3, -0.38), (0.56, -0.08), (0.98, 0.06),
                  (1.02, 0.32)])
        pen.poly([(-0.38, -0.05), (-0.16, -0.29), (0.04, -0.3), (0.04, -0.05)], "light")
        pen.poly([(0.1, -0.05), (0.1, -0.3), (0.27, -0.3), (0.46, -0.05)], "light")
    else:
        pen.blob([(-1.0, 0.3), (-1.0, 0.0), (-0.62, -0.08), (-0.5, -0.5), (0.2, -0.52), (0.36, -0.08), (0.95, -0.02),
                  (1.0, 0.3)])
        pen.rect(-0.44, -0.42, -0.14, -0.12, "light")
        pen.rect(-0.06, -0.42, 0.18, -0.12, "light")
    for x in (-0.58, 0.6):
        pen.oval(x, 0.3, 0.24)
        pen.oval(x, 0.3, 0.12, layer="light")
    pen.oval(0.95, 0.1, 0.06, layer="detail")
    pen.rect(-0.96, 0.12, 0.96, 0.16, "detail")


def plane(pen: Pen, rng: random.Random) -> None:
    """A biplane or an airliner, seen from below and behind."""
    pen.blob([(-0.1, -0.9), (0.1, -0.9), (0.13, 0.0), (0.06, 0.9), (-0.06, 0.9), (-0.13, 0.0)])
    pen.poly([(-0.1, -0.25), (0.1, -0.25), (1.1, 0.18), (1.1, 0.32), (0.1, 0.15), (-0.1, 0.15), (-1.1, 0.32),
              (-1.1, 0.18)])
    pen.poly([(0, 0.6), (0.4, 0.82), (0.4, 0.92), (-0.4, 0.92), (-0.4, 0.82)])
    for x in (-0.45, 0.45):
        pen.oval(x, -0.02, 0.07, 0.16)


def helicopter(pen: Pen, rng: random.Random) -> None:
    """A helicopter."""
    pen.blob([(-0.55, 0.1), (-0.45, -0.2), (-0.1, -0.32), (0.3, -0.2), (0.42, 0.02), (0.2, 0.3), (-0.3, 0.32)])
    pen.poly([(0.25, -0.14), (1.05, -0.16), (1.2, -0.4), (1.26, -0.1), (1.1, -0.02), (0.3, 0.1)])
    pen.blob([(-0.5, 0.06), (-0.4, -0.16), (-0.18, -0.2), (-0.2, 0.08)], "light")
    pen.line([(-1.1, -0.52), (0.95, -0.44)], 0.045)
    pen.rect(-0.1, -0.5, -0.02, -0.28)
    pen.line([(-0.55, 0.46), (0.4, 0.46)], 0.04)
    for x in (-0.25, 0.15):
        pen.line([(x, 0.28), (x, 0.46)], 0.035)
    pen.star(1.2, -0.22, 0.2, 4, 0.2, angle=20)


def balloon(pen: Pen, rng: random.Random) -> None:
    """A hot-air balloon in gores."""
    shape = [*arc(0, -0.3, 0.66, 0.68, 150, 390, n=30), (0.14, 0.5), (-0.14, 0.5)]
    pen.blob([*shape[::3], (0.14, 0.5), (-0.14, 0.5)], "detail")
    pen.blob([(-0.22, -0.93), (0.22, -0.93), (0.26, -0.3), (0.1, 0.5), (-0.1, 0.5), (-0.26, -0.3)], "light")
    for side in (-1, 1):
        pen.blob([(side * 0.46, -0.78), (side * 0.6, -0.55), (side * 0.66, -0.2), (side * 0.2, 0.45),
                  (side * 0.52, -0.3)], "shade")
    pen.line([(-0.13, 0.5), (-0.1, 0.78)], 0.02)
    pen.line([(0.13, 0.5), (0.1, 0.78)], 0.02)
    pen.rect(-0.13, 0.76, 0.13, 0.98)


def train(pen: Pen, rng: random.Random) -> None:
    """A locomotive head-on."""
    pen.rect(-0.5, -0.5, 0.5, 0.7)
    pen.oval(0, -0.05, 0.56)
    pen.oval(0, -0.05, 0.44, layer="shade")
    pen.oval(0, -0.12, 0.17, layer="light")
    pen.poly([(-0.62, 0.95), (-0.46, 0.5), (0.46, 0.5), (0.62, 0.95)])
    for k in range(6):
        x = -0.4 + k * 0.16
        pen.line([(x, 0.52), (x * 1.3, 0.94)], 0.03, "detail")
    pen.rect(-0.13, -0.96, 0.13, -0.5)
    pen.rect(-0.2, -1.0, 0.2, -0.9)


def motorbike(pen: Pen, rng: random.Random) -> None:
    """A rider on a motorbike."""
    for x in (-0.62, 0.66):
        pen.ring(x, 0.55, 0.32, 0.09)
        pen.oval(x, 0.55, 0.08)
    pen.limb([(-0.62, 0.55), (-0.1, 0.3), (0.36, 0.16), (0.66, 0.55)], [0.1, 0.26, 0.14, 0.08])
    pen.limb([(0.4, 0.2), (0.36, -0.12), (0.22, -0.16)], [0.08, 0.06, 0.05])
    pen.blob([(-0.6, 0.2), (-0.2, 0.08), (0.3, 0.02), (0.34, 0.2), (-0.1, 0.3)])
    pen.limb([(-0.22, 0.08), (0.1, 0.3), (-0.12, 0.6)], [0.2, 0.16, 0.1])
    pen.limb([(-0.24, 0.06), (-0.06, -0.46)], [0.24, 0.28])
    pen.limb([(-0.04, -0.45), (0.14, -0.2), (0.3, -0.14)], [0.13, 0.11, 0.08])
    pen.oval(0.05, -0.72, 0.18, 0.19)
    pen.blob([(0.08, -0.8), (0.23, -0.76), (0.22, -0.64), (0.08, -0.66)], "light")
