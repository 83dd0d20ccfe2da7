"""Eras: composition, printing and lettering of a decade's posters, independent of the genre."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Era:
    """Style of one era.

    Attributes:
        name: The value of the column ``era_style``.
        years: First and last year.
        share: How many of the films are of this era (relative).
        brush: How a motif's layers are inked (see `keyart_demo.stage`).
        wobble: Irregularity of cut edges, in a motif's units.
        backdrops: Backdrop and its weight.
        scenes: Scene and the factor on its genre's weight; scenes that are not named have factor 1.
        faces: Typefaces of the era (keys of `keyart_demo.fonts.FACES`).
        effects: Title effect and its weight.
        grain: Film grain in grey levels.
        vignette: Darkening of the corners, 0 to 1.
        fade: How far black and white come towards the middle.
        warmth: Towards yellow (above zero) or blue.
        split: How far shadows turn teal and lights amber.
        frame: Chance of a border.
        worn: Chance of folds and rubbed edges.
        halftone: Chance of a halftone screen.
        trim: Default colour of the border, ``paper`` or ``ink``.
    """

    name: str
    years: tuple[int, int]
    share: float
    brush: str
    backdrops: dict[str, float]
    faces: tuple[str, ...]
    effects: dict[str, float]
    scenes: dict[str, float] = field(default_factory=dict)
    wobble: float = 0.0
    grain: float = 4.0
    vignette: float = 0.0
    fade: float = 0.0
    warmth: float = 0.0
    split: float = 0.0
    frame: float = 0.0
    worn: float = 0.0
    halftone: float = 0.0
    trim: str = "paper"


ERAS: tuple[Era, ...] = (
    Era(
        "deco", (1930, 1939), 0.7, "flat",
        {"rays": 4, "steps": 3, "arches": 3},
        ("righteous", "josefin-bold", "marcellus", "gravitas", "league"),
        {"plain": 3, "inline": 3, "shadow": 2},
        {"icon": 1.8, "city": 1.5, "horizon": 1.3, "heads": 0.5, "portrait": 0.6, "road": 0.6, "grid": 0.3},
        grain=3.1, fade=0.05, warmth=0.07, frame=0.75, worn=0.6, trim="accent",
    ),
    Era(
        "noir", (1940, 1949), 0.7, "painted",
        {"beams": 3, "smoke": 3, "dusk": 2},
        ("yellowtail", "alfa", "abril", "lobster", "bebas"),
        {"shadow": 4, "plain": 2, "slant": 3},
        {"heads": 2.0, "portrait": 1.6, "city": 1.4, "diagonal": 1.5, "icon": 0.6, "grid": 0.3},
        grain=4.3, vignette=0.4, warmth=0.05, frame=0.35, worn=0.6, halftone=0.12,
    ),
    Era(
        "cut-paper", (1950, 1969), 1.3, "cut",
        {"plain": 3, "blocks": 5},
        ("luckiest", "anton", "league", "titan", "oswald"),
        {"jitter": 6, "plain": 2},
        {"icon": 2.4, "diagonal": 1.6, "scatter": 1.5, "heads": 0.3, "portrait": 0.7, "space": 0.6, "road": 0.6},
        wobble=0.022, grain=2.5, fade=0.04, warmth=0.04, frame=0.2, worn=0.3, halftone=0.14,
    ),
    Era(
        "grain", (1970, 1979), 1.0, "painted",
        {"stripes": 4, "dusk": 2, "sun": 3, "plain": 1},
        ("gravitas", "lobster", "righteous", "abril", "alfa"),
        {"plain": 3, "outline": 3, "shadow": 2},
        {"heads": 1.2, "scatter": 1.3, "double": 1.3},
        grain=6.8, vignette=0.16, fade=0.12, warmth=0.13, frame=0.6, worn=0.35,
    ),
    Era(
        "airbrush", (1980, 1989), 1.2, "airbrush",
        {"neon": 4, "dusk": 3, "stars": 2, "smoke": 1},
        ("orbitron", "yellowtail", "anton", "black-ops", "lobster"),
        {"chrome": 5, "outline": 2, "glow": 3, "slant": 2},
        {"road": 2.0, "space": 1.6, "heads": 1.3, "icon": 0.8, "horizon": 1.2},
        grain=1.9, vignette=0.12, frame=0.15, trim="night",
    ),
    Era(
        "heads", (1990, 1999), 1.4, "photo",
        {"smoke": 4, "dusk": 3, "halo": 3},
        ("cinzel", "marcellus", "playfair", "league", "bebas"),
        {"plain": 3, "chrome": 1, "glow": 2, "shadow": 2},
        {"heads": 3.2, "portrait": 2.0, "double": 1.3, "icon": 0.6, "scatter": 0.7},
        grain=1.9, vignette=0.34,
    ),
    Era(
        "teal", (2000, 2009), 1.6, "mist",
        {"fog": 5, "halo": 3, "smoke": 2},
        ("bebas", "league", "cinzel", "josefin", "oswald"),
        {"plain": 5, "worn": 2, "glow": 1},
        {"horizon": 1.8, "city": 1.5, "forest": 1.6, "portrait": 1.3, "scatter": 0.5},
        grain=3.1, vignette=0.36, split=0.5,
    ),
    Era(
        "minimal", (2010, 2019), 1.6, "flat",
        {"plain": 5, "wash": 4, "sun": 2},
        ("josefin", "league", "cormorant", "bebas", "marcellus"),
        {"plain": 8, "outline": 1},
        {"icon": 2.4, "horizon": 1.3, "double": 1.6, "heads": 0.25, "scatter": 0.6, "grid": 1.2},
        grain=1.6, vignette=0.06, frame=0.2,
    ),
)  # fmt: skip

ERA_NAMES: tuple[str, ...] = tuple(era.name for era in ERAS)
BY_NAME: dict[str, Era] = {era.name: era for era in ERAS}
