"""Animals, beasts and cartoon folk."""

# fmt: off
# Points read better in rows than one a line.

import math
import random

from keyart_demo.pen import Pen, arc


def _eyes(pen: Pen, y: float, gap: float, r: float, look: float) -> None:
    for side in (-1, 1):
        pen.oval(side * gap, y, r, r * 1.12, "white")
        pen.oval(side * gap + look, y + r * 0.15, r * 0.5, r * 0.58, "eyes")
        pen.oval(side * gap + look - r * 0.16, y - r * 0.08, r * 0.17, layer="white")


def blobling(pen: Pen, rng: random.Random) -> None:
    """A round cartoon creature with big eyes."""
    tall = rng.uniform(0.7, 1.0)
    kind = rng.randrange(4)
    if kind == 0:
        for side in (-1, 1):
            pen.blob([(side * 0.3, -0.5 * tall), (side * 0.52, -1.05 * tall), (side * 0.66, -0.5 * tall)], "fur")
    elif kind == 1:
        for side in (-1, 1):
            pen.limb([(side * 0.2, -0.6 * tall), (side * 0.4, -1.05 * tall)], [0.06, 0.05], "fur")
            pen.oval(side * 0.4, -1.08 * tall, 0.1, layer="detail")
    elif kind == 2:
        for side in (-1, 1):
            pen.oval(side * 0.56, -0.62 * tall, 0.26, layer="fur")
            pen.oval(side * 0.56, -0.62 * tall, 0.14, layer="shade")
    for side in (-1, 1):
        pen.limb([(side * 0.6, 0.1), (side * 0.9, -0.1 + rng.uniform(-0.3, 0.3))], [0.2, 0.15], "fur")
        pen.oval(side * 0.3, 0.93, 0.24, 0.11, "fur")
    pen.blob([(0, -0.85 * tall), (0.5, -0.62 * tall), (0.7, 0.1), (0.56, 0.8), (0, 0.94), (-0.56, 0.8), (-0.7, 0.1),
              (-0.5, -0.62 * tall)], "fur")
    pen.oval(0, 0.46, 0.42, 0.42, "shade")
    look = rng.uniform(-0.05, 0.05)
    if rng.random() < 0.2:
        pen.oval(0, -0.3, 0.3, layer="white")
        pen.oval(look, -0.26, 0.15, layer="eyes")
        pen.oval(look - 0.05, -0.33, 0.05, layer="white")
    else:
        _eyes(pen, -0.32, 0.22, 0.2, look)
    pen.blob([(-0.26, 0.04), (0, 0.12), (0.26, 0.04), (0.16, 0.26), (0, 0.32), (-0.16, 0.26)], "eyes")
    pen.blob([(-0.12, 0.24), (0, 0.19), (0.12, 0.24), (0, 0.31)], "detail")


def cat(pen: Pen, rng: random.Random) -> None:
    """A sitting cat."""
    pen.blob([(0, -0.3), (0.3, 0.0), (0.46, 0.6), (0.4, 0.98), (-0.4, 0.98), (-0.46, 0.6), (-0.3, 0.0)], "fur")
    pen.limb([(0.36, 0.85), (0.75, 0.7), (0.78, 0.3), (0.66, 0.14)], [0.15, 0.14, 0.12, 0.08], "fur")
    for side in (-1, 1):
        pen.poly([(side * 0.08, -0.75), (side * 0.36, -1.02), (side * 0.42, -0.5)], "fur")
    pen.oval(0, -0.5, 0.44, 0.36, "fur")
    _eyes(pen, -0.54, 0.18, 0.12, rng.uniform(-0.03, 0.03))
    pen.poly([(-0.05, -0.38), (0.05, -0.38), (0, -0.32)], "detail")
    for side in (-1, 1):
        pen.line([(side * 0.16, -0.34), (side * 0.56, -0.42)], 0.016, "light")
        pen.line([(side * 0.16, -0.31), (side * 0.56, -0.28)], 0.016, "light")


def dog(pen: Pen, rng: random.Random) -> None:
    """A dog from the side, delighted."""
    pen.limb([(-0.5, 0.1), (0.35, 0.05)], [0.42, 0.46], "fur")
    for x in (-0.58, -0.42, 0.3, 0.46):
        pen.limb([(x, 0.2), (x + 0.02, 0.92)], [0.16, 0.1], "fur")
    pen.limb([(-0.66, -0.02), (-0.92, -0.5)], [0.14, 0.05], "fur")
    pen.limb([(0.4, -0.05), (0.58, -0.5)], [0.36, 0.36], "fur")
    pen.blob([(0.4, -0.7), (0.72, -0.76), (1.08, -0.46), (1.04, -0.28), (0.7, -0.25), (0.44, -0.36)], "fur")
    pen.blob([(0.5, -0.72), (0.36, -0.7), (0.26, -0.3), (0.4, -0.2), (0.54, -0.4)], "shade")
    pen.oval(1.06, -0.43, 0.07, layer="eyes")
    pen.oval(0.72, -0.56, 0.055, layer="eyes")
    pen.blob([(0.82, -0.27), (0.95, -0.27), (0.93, -0.06), (0.84, -0.06)], "detail")
    pen.line([(0.42, -0.12), (0.68, -0.2)], 0.07, "detail")


def bird(pen: Pen, rng: random.Random) -> None:
    """A bird in flight."""
    pen.blob([(0.9, -0.1), (0.5, -0.24), (0.0, -0.06), (-0.4, 0.1), (-0.95, 0.3), (-0.5, 0.36), (0.0, 0.26),
              (0.5, 0.1)])
    pen.blob([(0.3, -0.1), (0.0, -0.6), (-0.4, -0.95), (-0.5, -0.6), (-0.3, 0.05)])
    pen.blob([(0.2, 0.05), (0.3, 0.4), (0.05, 0.9), (-0.2, 0.5), (-0.2, 0.15)])


def crow(pen: Pen, rng: random.Random) -> None:
    """A crow on a branch."""
    pen.blob([(0.56, -0.66), (0.34, -0.78), (0.14, -0.6), (-0.1, -0.1), (-0.5, 0.4), (-0.9, 0.95), (-0.5, 0.75),
              (-0.1, 0.56), (0.26, 0.3), (0.4, -0.2), (0.5, -0.44)])
    pen.poly([(0.5, -0.68), (0.86, -0.52), (0.48, -0.5)])
    pen.oval(0.38, -0.62, 0.035, layer="detail")
    pen.line([(0.05, 0.4), (0.02, 0.8)], 0.035)
    pen.limb([(-1.0, 0.86), (0.2, 0.8), (1.0, 0.7)], [0.05, 0.07, 0.03])


def horse_rider(pen: Pen, rng: random.Random) -> None:
    """A rider on a standing or rearing horse."""
    pen.blob([(-0.56, 0.12), (-0.4, -0.04), (0.1, 0.0), (0.36, -0.06), (0.44, 0.2), (0.2, 0.38), (-0.3, 0.36),
              (-0.56, 0.36)])
    pen.limb([(0.34, 0.06), (0.56, -0.36)], [0.34, 0.22])
    pen.blob([(0.46, -0.5), (0.6, -0.56), (0.92, -0.26), (0.86, -0.16), (0.62, -0.26)])
    pen.poly([(0.5, -0.5), (0.52, -0.64), (0.6, -0.52)])
    lift = rng.random() < 0.5
    pen.limb([(-0.46, 0.25), (-0.56, 0.6), (-0.5, 0.98)], [0.2, 0.1, 0.07])
    pen.limb([(-0.34, 0.25), (-0.36, 0.6), (-0.42, 0.98)], [0.18, 0.1, 0.07])
    pen.limb([(0.26, 0.25), (0.28, 0.6), (0.26, 0.98)], [0.17, 0.09, 0.07])
    if lift:
        pen.limb([(0.34, 0.22), (0.58, 0.4), (0.5, 0.66)], [0.17, 0.09, 0.06])
    else:
        pen.limb([(0.34, 0.25), (0.38, 0.6), (0.38, 0.98)], [0.17, 0.09, 0.07])
    pen.limb([(-0.54, 0.1), (-0.76, 0.3), (-0.74, 0.75)], [0.08, 0.12, 0.04])
    pen.limb([(-0.04, 0.0), (0.1, 0.3), (0.06, 0.55)], [0.18, 0.14, 0.09])
    pen.limb([(-0.06, 0.02), (-0.04, -0.42)], [0.2, 0.26])
    pen.limb([(0.04, -0.4), (0.2, -0.16), (0.4, -0.16)], [0.1, 0.08, 0.05])
    pen.oval(-0.02, -0.64, 0.09, 0.11)
    pen.blob([(-0.28, -0.74), (-0.15, -0.68), (0.12, -0.68), (0.24, -0.74), (0.1, -0.73), (0.08, -0.88), (-0.12, -0.88),
              (-0.14, -0.73)])


def dragon(pen: Pen, rng: random.Random) -> None:
    """A dragon in flight."""
    pen.limb([(-1.1, 0.5), (-0.7, 0.3), (-0.3, 0.25), (0.1, 0.1), (0.4, -0.1), (0.62, -0.36)],
             [0.02, 0.1, 0.24, 0.3, 0.18, 0.12])
    pen.poly([(0.54, -0.46), (0.66, -0.5), (0.98, -0.34), (0.8, -0.28), (0.96, -0.22), (0.62, -0.24)])
    pen.poly([(0.58, -0.46), (0.44, -0.64), (0.66, -0.48)])
    pen.poly([(0.2, 0.02), (0.0, -0.66), (-0.5, -1.0), (-0.42, -0.66), (-0.66, -0.6), (-0.46, -0.36), (-0.6, -0.2),
              (-0.24, 0.14)])
    pen.poly([(0.3, -0.02), (0.3, -0.6), (0.62, -1.05), (0.6, -0.72), (0.86, -0.74), (0.56, -0.44), (0.44, -0.12)],
             "shade")
    pen.limb([(0.1, 0.2), (0.2, 0.5), (0.34, 0.5)], [0.12, 0.07, 0.03])
    pen.limb([(-0.25, 0.3), (-0.2, 0.6), (-0.05, 0.62)], [0.12, 0.07, 0.03])
    pen.poly([(-1.05, 0.42), (-1.3, 0.4), (-1.16, 0.6)])
    if rng.random() < 0.5:
        pen.blob([(0.96, -0.28), (1.3, -0.3), (1.6, -0.1), (1.3, 0.0), (1.1, -0.14)], "detail")


def robot(pen: Pen, rng: random.Random) -> None:
    """A robot's head and shoulders."""
    pen.poly([(-0.85, 1.2), (-0.7, 0.62), (0.7, 0.62), (0.85, 1.2)])
    pen.rect(-0.2, 0.4, 0.2, 0.66, "shade")
    pen.poly([(-0.52, 0.44), (-0.6, -0.5), (-0.4, -0.72), (0.4, -0.72), (0.6, -0.5), (0.52, 0.44)], "light")
    pen.poly([(0.08, 0.44), (0.12, -0.72), (0.4, -0.72), (0.6, -0.5), (0.52, 0.44)], "shade")
    if rng.random() < 0.5:
        pen.rect(-0.46, -0.36, 0.46, -0.1)
        pen.rect(-0.4, -0.3, 0.4, -0.16, "detail")
    else:
        for side in (-1, 1):
            pen.oval(side * 0.24, -0.24, 0.17)
            pen.oval(side * 0.24, -0.24, 0.1, layer="detail")
    for k in range(5):
        pen.rect(-0.28 + k * 0.12, 0.12, -0.22 + k * 0.12, 0.28)
    pen.line([(0, -0.72), (0, -0.98)], 0.04)
    pen.oval(0, -1.0, 0.08, layer="detail")
    for side in (-1, 1):
        pen.rect(side * 0.56, -0.3, side * 0.7, 0.0)


def ghost(pen: Pen, rng: random.Random) -> None:
    """A sheeted ghost."""
    hem = [(0.66 - i * 0.22, 0.9 + (0.14 if i % 2 else -0.08)) for i in range(7)]
    pen.blob([(0, -0.9), (0.42, -0.7), (0.56, -0.1), *hem, (-0.56, -0.1), (-0.42, -0.7)], "light")
    pen.blob([(0.1, -0.88), (0.42, -0.7), (0.56, -0.1), *hem[:3], (0.2, 0.3)], "shade")
    for side in (-1, 1):
        pen.oval(side * 0.17, -0.4, 0.09, 0.14)
    pen.oval(0, -0.06, 0.1, 0.14)


def bat(pen: Pen, rng: random.Random) -> None:
    """A bat."""
    pen.oval(0, 0, 0.14, 0.28)
    for side in (-1, 1):
        pen.poly([(0, -0.2), (side * 0.4, -0.42), (side * 1.0, -0.3), (side * 0.88, 0.1), (side * 0.68, -0.02),
                  (side * 0.52, 0.24), (side * 0.34, 0.08), (0, 0.26)])
        pen.poly([(side * 0.02, -0.24), (side * 0.13, -0.46), (side * 0.14, -0.2)])


def tentacles(pen: Pen, rng: random.Random) -> None:
    """Tentacles rising."""
    for k in range(5):
        x = -0.8 + k * 0.4 + rng.uniform(-0.1, 0.1)
        top = rng.uniform(-0.9, -0.1)
        bend = rng.choice([-1, 1]) * rng.uniform(0.15, 0.35)
        pen.limb([(x, 1.2), (x + bend * 0.4, 0.6), (x - bend * 0.5, 0.6 * top + 0.2), (x + bend * 0.6, top),
                  (x + bend * 1.3, top + 0.12)], [0.3, 0.24, 0.17, 0.1, 0.04])
        for j in range(4):
            t = 0.85 - j * 0.22
            pen.oval(x + 0.02 + bend * (0.3 - j * 0.2), t, 0.035, layer="detail")


def gears(pen: Pen, rng: random.Random) -> None:
    """Meshing gears."""
    for x, y, r, layer in ((-0.3, -0.25, 0.6, "body"), (0.5, 0.42, 0.45, "detail"), (-0.5, 0.7, 0.3, "shade")):
        n = max(8, int(r * 20))
        for i in range(n):
            a = 2 * math.pi * i / n
            c, s = r * math.cos(a), r * math.sin(a)
            pen.limb([(x + 0.8 * c, y + 0.8 * s), (x + c, y + s)], [0.13, 0.09], layer)
        pen.poly(arc(x, y, r * 0.86, r * 0.86, 0, 360), layer)
        pen.poly(arc(x, y, r * 0.36, r * 0.36, 0, 360), "light")
