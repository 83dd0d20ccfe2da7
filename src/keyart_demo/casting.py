"""Contents of each genre's posters: motifs, figures, scenes, typefaces and title effects, each with a weight."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Casting:
    """Contents of one genre's posters.

    Attributes:
        share: Relative frequency of the genre.
        motifs: Objects that stand for the genre.
        figures: People in its pictures.
        scenes: Scene and its weight.
        faces: Typefaces (keys of `keyart_demo.fonts.FACES`).
        effects: Title effect and its weight.
    """

    share: float
    motifs: tuple[str, ...]
    figures: tuple[str, ...]
    scenes: dict[str, float]
    faces: tuple[str, ...]
    effects: dict[str, float]


CASTING: dict[str, Casting] = {
    "Action": Casting(
        17, ("burst", "helicopter", "target", "flame", "bolt", "car", "motorbike", "tower"),
        ("runner", "gunman", "runner", "motorbike"),
        {"diagonal": 4, "city": 3, "icon": 2, "heads": 2, "road": 2.5, "horizon": 1.5, "blaze": 4, "typographic": 1},
        ("anton", "black-ops", "bebas", "oswald"), {"slant": 4, "chrome": 2, "worn": 2, "shadow": 2},
    ),
    "Adventure": Casting(
        12, ("sailing_ship", "compass", "balloon", "plane", "palm", "leaf", "key", "wave"),
        ("walker", "runner", "horse_rider", "sailing_ship"),
        {"horizon": 5, "sea": 4, "scatter": 2, "forest": 1.5, "icon": 1.5, "road": 0.8, "giant": 1.5, "keyhole": 1.5},
        ("alfa", "lobster", "cinzel", "gravitas"), {"arch": 4, "shadow": 3, "outline": 2},
    ),
    "Animation": Casting(
        7, ("blobling", "cat", "balloon", "rocket", "dog", "robot", "dragon"),
        ("blobling", "blobling", "cat", "child"),
        {"lineup": 5, "scatter": 3, "icon": 3, "horizon": 1.5, "space": 0.8, "tiles": 2, "giant": 1},
        ("titan", "luckiest", "lobster"), {"jitter": 4, "outline": 4, "arch": 3},
    ),
    "Comedy": Casting(
        32, ("shades", "martini", "umbrella", "dog", "lips", "car", "hat", "shades"),
        ("woman", "walker", "stranger", "couple", "dog"),
        {"lineup": 5, "icon": 3, "scatter": 2.5, "stripes": 1.5, "heads": 1.2, "road": 0.5,
         "tiles": 3, "typographic": 3, "split": 1},
        ("luckiest", "titan", "lobster", "league", "yellowtail"), {"jitter": 3, "plain": 3, "outline": 2, "arch": 1.5},
    ),
    "Crime": Casting(
        14, ("revolver", "fingerprint", "knife", "bottle", "key", "revolver", "target"),
        ("stranger", "gunman", "stranger", "woman"),
        {"blinds": 4, "city": 4, "icon": 2.5, "heads": 2, "diagonal": 1.5, "door": 1.5,
         "keyhole": 1.5, "typographic": 1, "split": 1},
        ("bebas", "oswald", "mono", "abril"), {"plain": 3, "worn": 3, "shadow": 2},
    ),
    "Documentary": Casting(
        7, ("camera", "microphone", "globe", "film_reel", "eye", "tree"),
        ("walker", "child", "stranger"),
        {"grid": 5, "icon": 3, "stripes": 3, "portrait": 2, "double": 1, "typographic": 3, "tiles": 1},
        ("league", "mono", "oswald", "josefin-bold"), {"plain": 6, "outline": 1},
    ),
    "Drama": Casting(
        38, ("chair", "tree", "profile", "bird", "door", "letter", "rose", "bridge"),
        ("woman", "walker", "stranger", "child", "couple"),
        {"double": 3, "portrait": 3, "heads": 2.5, "horizon": 2.5, "door": 2, "icon": 1.5, "forest": 1,
         "stripes": 0.8, "split": 1.5, "keyhole": 1.5, "sea": 0.6, "typographic": 0.6},
        ("playfair", "marcellus", "cormorant", "cinzel", "josefin"), {"plain": 6, "glow": 1},
    ),
    "Fantasy": Casting(
        8, ("castle", "dragon", "sword", "crown", "key", "tree"),
        ("horse_rider", "walker", "child"),
        {"horizon": 4, "icon": 3, "forest": 3, "moon": 3, "space": 0.6, "giant": 3, "keyhole": 2},
        ("cinzel", "cormorant", "marcellus", "lobster"), {"chrome": 4, "glow": 3, "arch": 1.5},
    ),
    "Horror": Casting(
        9, ("skull", "knife", "mask", "house", "crow", "hand", "bare_tree", "bat", "tentacles", "ghost"),
        ("stranger", "child", "woman"),
        {"moon": 4, "forest": 3.5, "icon": 4, "portrait": 1.5, "door": 2, "giant": 2.5, "typographic": 1.5},
        ("marker", "bebas", "playfair", "abril"), {"drip": 4, "worn": 4, "jitter": 1.5},
    ),
    "Romance": Casting(
        16, ("heart", "rose", "lips", "letter", "umbrella", "heart"),
        ("couple", "couple", "woman"),
        {"heads": 3, "horizon": 2.5, "icon": 3, "city": 1.2, "stripes": 1, "sea": 0.8,
         "double": 1.2, "split": 2, "keyhole": 1, "typographic": 0.8},
        ("yellowtail", "playfair", "lobster", "cormorant", "abril"), {"plain": 5, "slope": 2},
    ),
    "Sci-Fi": Casting(
        9, ("rocket", "saucer", "robot", "starship", "astronaut", "gears"),
        ("astronaut", "robot", "runner"),
        {"space": 6, "road": 2, "icon": 2.5, "rings": 3, "horizon": 1.5, "city": 1, "giant": 3, "typographic": 0.6},
        ("orbitron", "unbounded", "josefin", "league"), {"glow": 3, "chrome": 3, "plain": 2, "outline": 1},
    ),
    "Western": Casting(
        5, ("cactus", "badge", "horseshoe", "hat", "revolver", "train"),
        ("cowboy", "horse_rider", "cowboy"),
        {"desert": 6, "icon": 2.5, "horizon": 1.2, "town": 2.5, "heads": 0.8, "blaze": 0.8, "keyhole": 1},
        ("alfa", "gravitas", "abril"), {"worn": 4, "wide": 3, "shadow": 2},
    ),
}  # fmt: skip

GENRES: tuple[str, ...] = tuple(CASTING)
