"""Buildings and ground: the base stands on y = 1."""

# fmt: off
# Points read better in rows than one a line.

import random

from keyart_demo.pen import Pen


def castle(pen: Pen, rng: random.Random) -> None:
    """A castle of towers with pointed roofs."""
    pen.rect(-0.7, 0.2, 0.7, 1.0)
    towers = [(-0.75, 0.1, 0.16), (0.72, 0.0, 0.17), (-0.38, -0.3, 0.15), (0.36, -0.15, 0.14), (0.0, -0.5, 0.17)]
    for x, top, half in towers:
        top += rng.uniform(-0.08, 0.08)
        pen.rect(x - half, top, x + half, 1.0)
        pen.poly([(x - half * 1.35, top + 0.02), (x + half * 1.35, top + 0.02), (x, top - half * 3.1)])
        for k in range(2):
            pen.rect(x - 0.03, top + 0.12 + k * 0.22, x + 0.03, top + 0.22 + k * 0.22, "detail")
        pen.poly([(x, top - half * 3.0), (x, top - half * 3.8), (x + 0.14, top - half * 3.55)], "detail")
    pen.pie(0, 0.78, 0.14, 180, 360, "detail")
    pen.rect(-0.14, 0.77, 0.14, 1.0, "detail")


def house(pen: Pen, rng: random.Random) -> None:
    """A crooked house on a hill, one window lit."""
    pen.blob([(-1.4, 1.1), (-0.8, 0.78), (-0.3, 0.56), (0.3, 0.56), (0.8, 0.8), (1.4, 1.1)])
    pen.poly([(-0.36, 0.66), (-0.34, -0.15), (0.3, -0.2), (0.34, 0.66)])
    pen.poly([(-0.46, -0.1), (-0.06, -0.66), (0.4, -0.16)])
    pen.poly([(0.16, 0.0), (0.17, -0.62), (0.42, -0.62), (0.42, 0.0)])
    pen.poly([(0.1, -0.58), (0.3, -1.0), (0.48, -0.58)])
    pen.rect(-0.28, -0.58, -0.18, -0.2)
    lit = rng.randrange(4)
    for i, (x, y) in enumerate([(-0.2, 0.12), (0.12, 0.12), (-0.06, -0.32), (0.29, -0.42)]):
        if i == lit or rng.random() < 0.3:
            pen.rect(x - 0.055, y - 0.09, x + 0.055, y + 0.09, "detail")
            pen.line([(x, y - 0.09), (x, y + 0.09)], 0.02)
    pen.limb([(-0.8, 0.8), (-0.82, 0.3), (-0.95, 0.0)], [0.07, 0.05, 0.01])
    pen.limb([(-0.82, 0.4), (-0.65, 0.1)], [0.04, 0.01])


def skyline(pen: Pen, rng: random.Random) -> None:
    """A city's skyline with lit windows."""
    x = -1.6
    while x < 1.6:
        wide = rng.uniform(0.14, 0.3)
        top = rng.uniform(-0.55, 0.45) + 0.3 * abs(x)
        pen.rect(x, top, x + wide, 1.0)
        crown = rng.random()
        if crown < 0.2:
            pen.poly([(x, top), (x + wide / 2, top - 0.3), (x + wide, top)])
        elif crown < 0.4:
            pen.rect(x + wide * 0.25, top - 0.1, x + wide * 0.75, top)
            pen.line([(x + wide / 2, top - 0.1), (x + wide / 2, top - 0.34)], 0.018)
        columns = max(2, int(wide / 0.07))
        for i in range(columns):
            for j in range(int((0.95 - top) / 0.1)):
                if rng.random() < 0.36:
                    wx, wy = x + (i + 0.5) * wide / columns, top + 0.08 + j * 0.1
                    pen.rect(wx - 0.016, wy - 0.026, wx + 0.016, wy + 0.026, "detail")
        x += wide + rng.choice([0.0, 0.0, 0.03])


def tower(pen: Pen, rng: random.Random) -> None:
    """One skyscraper in steep perspective."""
    lean = rng.uniform(-0.12, 0.12)
    pen.poly([(-0.62, 1.2), (-0.2 + lean, -1.0), (0.16 + lean, -1.0), (0.62, 1.2)])
    pen.poly([(0.16 + lean, -1.0), (0.34 + lean, -0.94), (0.95, 1.2), (0.62, 1.2)], "shade")
    for j in range(15):
        t = 0.06 + j / 15
        for i in range(4):
            u = 0.12 + i * 0.22
            left, right = -0.2 + lean - (0.42 + lean) * t, 0.16 + lean + (0.46 - lean) * t
            x, y = left + (right - left) * u, -1.0 + 2.2 * t
            if rng.random() < 0.55:
                s = 0.02 + 0.035 * t
                pen.rect(x, y, x + s * 1.6, y + s, "detail")


def lighthouse(pen: Pen, rng: random.Random) -> None:
    """A lighthouse on a rock, its beam to one side."""
    side = rng.choice([-1, 1])
    pen.poly([(0, -0.66), (side * 2.4, -1.15), (side * 2.4, -0.3)], "glow")
    pen.blob([(-0.9, 1.1), (-0.6, 0.72), (-0.2, 0.6), (0.3, 0.62), (0.6, 0.8), (0.9, 1.1)])
    pen.poly([(-0.2, 0.7), (-0.12, -0.5), (0.12, -0.5), (0.2, 0.7)])
    for k in range(2):
        y = -0.2 + k * 0.42
        pen.poly([(-0.145 - k * 0.025, y), (0.145 + k * 0.025, y), (0.165 + k * 0.025, y + 0.2),
                  (-0.165 - k * 0.025, y + 0.2)], "detail")
    pen.rect(-0.18, -0.54, 0.18, -0.48)
    pen.rect(-0.09, -0.78, 0.09, -0.54, "light")
    pen.pie(0, -0.78, 0.13, 180, 360)


def bridge(pen: Pen, rng: random.Random) -> None:
    """A suspension bridge."""
    pen.rect(-1.8, 0.36, 1.8, 0.46)
    for x in (-0.62, 0.62):
        pen.rect(x - 0.07, -0.6, x + 0.07, 1.0)
        pen.rect(x - 0.12, -0.62, x + 0.12, -0.55)
    for a, b, low in ((-1.86, -0.62, 0.3), (-0.62, 0.62, 0.28), (0.62, 1.86, 0.3)):
        cable = []
        for i in range(19):
            t = i / 18
            x = a + (b - a) * t
            y = low - (low + 0.56) * (2 * t - 1) ** 2 if (a, b) == (-0.62, 0.62) else (
                -0.56 + (0.9 * (t if a > 0 else 1 - t)))
            cable.append((x, y))
            pen.line([(x, y), (x, 0.4)], 0.012)
        pen.line(cable, 0.035)


def church(pen: Pen, rng: random.Random) -> None:
    """A small-town church or false-fronted saloon row."""
    x = -1.3
    while x < 1.2:
        wide = rng.uniform(0.4, 0.6)
        top = rng.uniform(0.1, 0.42)
        pen.rect(x, top, x + wide, 1.0)
        pen.poly([(x, top), (x + wide * 0.2, top - 0.12), (x + wide * 0.8, top - 0.12), (x + wide, top)])
        pen.rect(x - 0.03, 0.6, x + wide + 0.03, 0.65)
        pen.rect(x + wide * 0.4, 0.7, x + wide * 0.62, 1.0, "detail")
        x += wide
    pen.rect(-0.16, -0.2, 0.16, 1.0)
    pen.poly([(-0.2, -0.18), (0.0, -0.8), (0.2, -0.18)])
    pen.line([(0, -0.98), (0, -0.7)], 0.04)
    pen.line([(-0.08, -0.9), (0.08, -0.9)], 0.04)
    pen.oval(0, 0.0, 0.07, layer="detail")


def door(pen: Pen, rng: random.Random) -> None:
    """An open door, light falling out of it."""
    pen.poly([(-0.34, 0.6), (0.34, 0.6), (0.95, 1.5), (-0.95, 1.5)], "glow")
    pen.rect(-0.42, -1.0, 0.42, 0.62)
    pen.rect(-0.34, -0.92, 0.34, 0.62, "light")
    pen.poly([(-0.34, -0.92), (-0.06, -0.74), (-0.06, 0.8), (-0.34, 0.62)], "shade")
    if rng.random() < 0.7:
        pen.oval(0.14, -0.16, 0.055, 0.07)
        pen.blob([(0.03, -0.05), (0.14, -0.1), (0.25, -0.05), (0.24, 0.3), (0.04, 0.3)])
        pen.limb([(0.1, 0.25), (0.08, 0.62)], [0.09, 0.05])
        pen.limb([(0.18, 0.25), (0.2, 0.62)], [0.09, 0.05])
