"""Colours of each genre, and how each era prints them."""

import colorsys
import random
from dataclasses import dataclass, replace

Colour = tuple[int, int, int]

BLACK: Colour = (8, 7, 9)
WHITE: Colour = (252, 250, 244)


def parse(code: str) -> Colour:
    """A colour from six hexadecimal digits.

    Examples:
        >>> parse("ff8000")
        (255, 128, 0)
    """
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour ``t`` of the way from ``a`` to ``b``.

    Examples:
        >>> mix((0, 0, 0), (200, 100, 50), 0.5)
        (100, 50, 25)
    """
    return (round(a[0] + (b[0] - a[0]) * t), round(a[1] + (b[1] - a[1]) * t), round(a[2] + (b[2] - a[2]) * t))


def luminance(colour: Colour) -> float:
    """Relative luminance in [0, 1] (WCAG 2: linearised sRGB, weights 0.2126, 0.7152, 0.0722)."""
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: Colour, b: Colour) -> float:
    """Contrast ratio of two colours (WCAG 2), from 1 to 21.

    Examples:
        >>> round(contrast((0, 0, 0), (255, 255, 255)), 1)
        21.0
    """
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def shift(colour: Colour, *, hue: float = 0.0, saturation: float = 1.0, value: float = 1.0) -> Colour:
    """Turn the hue (in turns), scale saturation and value."""
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    r, g, b = colorsys.hsv_to_rgb((h + hue) % 1, min(1.0, s * saturation), min(1.0, v * value))
    return round(r * 255), round(g * 255), round(b * 255)


@dataclass(frozen=True)
class Palette:
    """Six inks in their roles: silhouettes, shadow, ground, light, one loud colour, and the paper."""

    night: Colour
    deep: Colour
    field: Colour
    glow: Colour
    accent: Colour
    paper: Colour

    @classmethod
    def of(cls, codes: str) -> "Palette":
        """Six colours from one line of hexadecimal codes."""
        return cls(*(parse(code) for code in codes.split()))

    def changed(self, **by: float) -> "Palette":
        """Every ink but the paper through `shift`."""
        return replace(
            self, **{role: shift(getattr(self, role), **by) for role in ("night", "deep", "field", "glow", "accent")}
        )

    def jittered(self, rng: random.Random) -> "Palette":
        """Return the same palette with slightly different inks."""
        return self.changed(hue=rng.gauss(0, 0.022), saturation=rng.uniform(0.85, 1.12), value=rng.uniform(0.9, 1.08))


_CODES: dict[str, tuple[str, ...]] = {
    #            night  deep   field  glow   accent paper
    "Action": (
        "0d0b0e 3b0d0c b3230f ffb03b ff5a1f fff1d6",
        "071018 12303f 1f5f78 f2a541 ff6b1a f4efe4",
        "0b0b0d 2a0a0d c4161c f2e8da f7c01b ffffff",
        "101010 40300a e2a80f ffd84a d22b12 fff6d8",
        "0a0e14 1d2a3a 45586b d9dfe2 ff4a1c ffffff",
    ),
    "Adventure": (
        "1d1a12 4a3418 c98a3b ffd98a 2a7f86 fff4d8",
        "0b1a12 1e4a30 4f8a3c f3d36b e0662f fbf3da",
        "08203a 14558a 2f9bc4 ffe3a3 e85d3a fff8e6",
        "24120a 7a3413 dd7a22 ffcf6e 1c6e8c fff3d6",
    ),
    "Animation": (
        "2a1a5e 5b2fd0 33b6ff ffe14d ff4f8b ffffff",
        "14342b 1fa37a 7be495 fff275 ff7043 ffffff",
        "3b1f6b b04fd0 ff9ad1 fff3a6 27c4d6 ffffff",
        "12305c 2f86f0 86d3ff fff6c2 ff5b4d ffffff",
        "4a1a3a e0457b ffa351 fff0a0 3fc1c9 ffffff",
    ),
    "Comedy": (
        "2b1b12 e0521b ffc928 fff0b3 e8322c fffaf0",
        "1d1d22 d7263d f7efe0 ffffff f2b705 fffdf8",
        "23313a e0607a a9e0d0 fdf1e2 ff5a4f ffffff",
        "17324d 2f7fc0 8fd0ee fff7dc ffb400 ffffff",
        "2a1a10 c9401a ff8f3a ffe2ad 1c9aa0 fffaf0",
    ),
    "Crime": (
        "0a0a0c 1d1f24 4b4f55 c9c3b4 b3121d efe9da",
        "0e0c08 2b2413 8a6d1c e6c34a c02a1a f5ecd2",
        "0d0709 33101a 6b1f2e d9a95f c9a24a f3e6d3",
        "070b14 13213a 2f466a f3b23c d93a2b f3ead6",
        "0a0d0b 1b2a22 4a5f4a cfc98a b8351e eeead2",
    ),
    "Documentary": (
        "14171a 3d464c 8fa0a8 eef0ea e2572b ffffff",
        "111111 3a3a3a e9e6df ffffff f5c400 ffffff",
        "1b1714 5a4a3d a9937a efe6d6 2f6f8f fffdf8",
        "12201c 2f5347 7fa08c e8ecdc d9772b ffffff",
        "0f1c2b 2c4a68 8fb0c9 f0f3f2 d23c3c ffffff",
    ),
    "Drama": (
        "12161c 2c3b4d 6f869a e9dcc4 b5563d f6f0e4",
        "1c140e 4d3522 9c7449 eed9b0 7d2b1d faf2df",
        "1a1526 45355e a26f7f f4c79a d9743f fbf0e3",
        "141a17 38493f 87977f ece6cf a3492f f8f4e6",
        "181818 4a4744 a8a196 ece5d8 8a2f2a f9f5ec",
        "0f1a24 24506b 7fa6b5 f2e3c9 c9803a fbf6ea",
    ),
    "Fantasy": (
        "120c24 3a1f6e 7346b8 f6d47c 3fc3c0 fff5d9",
        "07150f 0f4a3a 2f8f6b f4dc8b c79a2d fdf6de",
        "0a1630 23508f 73a9d8 eef6ff c9a7ff ffffff",
        "1a0d1f 5a1f5c b0508f ffd9a0 e8b23a fff3df",
    ),
    "Horror": (
        "050506 1a0608 5e0b10 c2161c e6d9c4 f2ece0",
        "060906 14231a 3b5a36 a9c26b b1121a eef0dc",
        "04060b 0e1a28 2c4a5c a8c4c9 b0131c eef3f2",
        "0b0a0a 3a322c d8cdb8 efe8d8 a50f15 ffffff",
        "08050c 1f1030 4a2560 b38ac0 d01f3c f0e6f2",
    ),
    "Romance": (
        "2c0f1c 8c2346 e2607f ffd3c4 c3193f fff4ec",
        "3a1d22 c2566a f5a490 ffe7cf d93a58 fffaf3",
        "241636 6d4a8d d78bb0 ffdcb8 f0566e fff4ea",
        "2a2430 7f6f93 c9bdd8 fdeee6 e0526c ffffff",
        "331a14 9c3f34 ec9a78 ffe9cd c22a3a fff7ea",
    ),
    "Sci-Fi": (
        "03060d 071f38 0f5f8c 6fe3ff ff8a3c f2f9ff",
        "090414 24104a 6a1fb0 ff5fd2 24e0ff f3f0ff",
        "020c0a 063326 0f7a55 7dffb2 c8ff3d effff4",
        "120705 4a170c b4491e f7b267 4fd1c5 fff0df",
        "0d1117 39424e b7c3cc f4f7f8 00a3d9 ffffff",
    ),
    "Western": (
        "1a0d07 5b2410 c4622d f5c26b 7e1f14 fbeccb",
        "231a12 6e4a2d b98b57 efd9a7 9b2d1a faefd5",
        "16070a 6d1416 d24a1d ffb347 f1d9a6 fff1d2",
        "1b1410 4d3b28 d9b36c f7e3b0 2f6f73 fdf2d6",
    ),
}

PALETTES: dict[str, tuple[Palette, ...]] = {
    genre: tuple(Palette.of(codes) for codes in lines) for genre, lines in _CODES.items()
}


def choose_palette(genre: str, era: str, rng: random.Random) -> Palette:
    """Choose one of the genre's palettes, vary it, and age it in the style of the era."""
    palette = rng.choice(PALETTES[genre]).jittered(rng)
    if era == "noir":
        palette = palette.changed(saturation=0.72, value=0.9)
    elif era == "airbrush":
        palette = palette.changed(saturation=1.2, value=1.04)
    elif era == "grain":
        palette = replace(
            palette.changed(saturation=0.88),
            **{role: mix(getattr(palette, role), (214, 150, 84), 0.14) for role in ("deep", "field", "glow")},
        )
    elif era == "teal":
        teal, amber = (22, 64, 74), (255, 176, 96)
        palette = replace(
            palette,
            night=mix(palette.night, (4, 16, 22), 0.5),
            deep=mix(palette.deep, teal, 0.38),
            field=mix(palette.field, (52, 108, 116), 0.26),
            glow=mix(palette.glow, amber, 0.32),
        )
    return palette
