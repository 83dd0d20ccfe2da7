"""Fictional films: title, year, genres and the hidden factors that determine their posters."""

import random
from dataclasses import dataclass

from keyart.utils.paths import FORMER_NAME
from keyart_demo.casting import CASTING, GENRES
from keyart_demo.eras import ERAS
from keyart_demo.words import (  # fmt: skip
    ADJECTIVES,
    FIRST_NAMES,
    FRANCHISES,
    LAST_NAMES,
    NOUNS,
    PLACES,
    STUDIOS,
    TAGLINES,
)

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
LABEL_NOISE = 0.07
FRANCHISE_SHARE = 0.3
REISSUE_SHARE = 0.03

# Which genres go together: the chance of a second and third genre is its share times this (1 where not named).
_AFFINITY: dict[frozenset[str], float] = {
    frozenset(pair): weight
    for *pair, weight in (
        ("Drama", "Romance", 2.2), ("Comedy", "Romance", 2.4), ("Action", "Crime", 2.2), ("Action", "Sci-Fi", 2.6),
        ("Action", "Adventure", 3.0), ("Crime", "Drama", 1.6), ("Adventure", "Animation", 3.0),
        ("Comedy", "Animation", 2.2), ("Adventure", "Fantasy", 3.5), ("Horror", "Sci-Fi", 2.2),
        ("Horror", "Comedy", 0.35), ("Horror", "Romance", 0.2), ("Horror", "Drama", 0.5),
        ("Documentary", "Action", 0.05), ("Documentary", "Horror", 0.05), ("Documentary", "Sci-Fi", 0.1),
        ("Documentary", "Fantasy", 0.05), ("Documentary", "Animation", 0.1), ("Western", "Sci-Fi", 0.3),
        ("Western", "Animation", 0.3), ("Western", "Drama", 1.3), ("Animation", "Drama", 0.3),
        ("Animation", "Crime", 0.1), ("Animation", "Romance", 0.3), ("Documentary", "Romance", 0.2),
        ("Documentary", "Western", 0.2), ("Fantasy", "Crime", 0.2), ("Documentary", "Adventure", 0.4),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Film:
    """One poster's film.

    Attributes:
        number: The poster's number in the catalogue, from 0.
        film: Number of the film: another poster's for a re-issue.
        reissue: ``""``, ``"recut"`` (same key art, other crop and colours) or ``"other"`` (other art).
        title: The title, in title case.
        tagline: One line.
        year: Year of release.
        era: Name of the era.
        looks: The genres that the poster's looks follow, the loudest first.
        genres: The labels, sorted: ``looks`` up to noise.
        franchise: Number of the series the film belongs to, or -1.
        episode: Its number in the series, from 0.
        cast: Three names.
        director: A name.
        studio: A name.
    """

    number: int
    film: int
    reissue: str
    title: str
    tagline: str
    year: int
    era: str
    looks: tuple[str, ...]
    genres: tuple[str, ...]
    franchise: int
    episode: int
    cast: tuple[str, str, str]
    director: str
    studio: str


#: Start of the seed of every random generator; a change of it would change all posters.
DRAWS = f"{FORMER_NAME} demo"


def draws(seed: int, number: int, purpose: str) -> random.Random:
    """Return the random generator of one film for one purpose: the same on every machine and Python."""
    return random.Random(f"{DRAWS}/{seed}/{number}/{purpose}")


def draw_film(seed: int, number: int) -> Film:
    """The film of poster ``number``: a pure function of its arguments.

    Examples:
        >>> draw_film(0, 5) == draw_film(0, 5)
        True
        >>> 1 <= len(draw_film(0, 5).genres) <= 3
        True
    """
    rng = draws(seed, number, "film")
    earlier = rng.randrange(number) if number else 0
    again = number > 20 and rng.random() < REISSUE_SHARE
    kind = rng.choice(["recut", "other"])
    if again:
        first = draw_film(seed, earlier)
        return Film(**{**vars(first), "number": number, "reissue": kind})
    looks = _draw_genres(rng)
    era = rng.choices(ERAS, [era.share for era in ERAS])[0]
    series = rng.randrange(len(FRANCHISES)) if rng.random() < FRANCHISE_SHARE else -1
    names = [f"{rng.choice(FIRST_NAMES)} {last}" for last in rng.sample(LAST_NAMES, 4)]
    title = _draw_title(rng, looks)
    episode = rng.randrange(len(ROMAN))
    return Film(
        number=number,
        film=number,
        reissue="",
        title=title,
        tagline=rng.choice(TAGLINES[looks[0]]),
        year=rng.randint(*era.years),
        era=era.name,
        looks=looks,
        genres=_with_noise(draws(seed, number, "labels"), looks),
        franchise=series,
        episode=episode,
        cast=(names[0], names[1], names[2]),
        director=names[3],
        studio=rng.choice(STUDIOS),
    )


def _draw_genres(rng: random.Random) -> tuple[str, ...]:
    expected = rng.choices([1, 2, 3], [36, 44, 20])[0]
    chosen: list[str] = []
    while len(chosen) < expected:
        weights = []
        for genre in GENRES:
            weight = 0.0 if genre in chosen else CASTING[genre].share
            for other in chosen:
                weight *= _AFFINITY.get(frozenset((genre, other)), 1.0)
            weights.append(weight)
        chosen.append(rng.choices(GENRES, weights)[0])
    # The rarer genre dominates a poster: a comedy western looks like a western.
    loud = {genre: CASTING[genre].share ** -0.5 * rng.uniform(0.4, 1.6) for genre in chosen}
    return tuple(sorted(chosen, key=lambda genre: -loud[genre]))


def _with_noise(rng: random.Random, looks: tuple[str, ...]) -> tuple[str, ...]:
    """Return noisy labels: sometimes a genre is missing, swapped or added."""
    labels = set(looks)
    if rng.random() < LABEL_NOISE:
        kind = rng.choice(["drop", "swap", "add"])
        if kind != "add":
            lost = rng.choice(sorted(labels))
            if kind == "swap" or len(labels) > 1:
                labels.discard(lost)
        if kind != "drop" and len(labels) < 3:
            others = [genre for genre in GENRES if genre not in looks]
            labels.add(rng.choices(others, [CASTING[genre].share for genre in others])[0])
    return tuple(sorted(labels))


def _draw_title(rng: random.Random, looks: tuple[str, ...]) -> str:
    """Draw a title from the words of the dominant genre, or of the dominant and the weakest."""
    words = NOUNS[looks[0]]
    noun = rng.choice(words)
    if " " in noun and rng.random() < 0.8:
        return noun
    short = rng.choice([word for word in words if " " not in word])
    other = rng.choice([word for word in NOUNS[looks[-1]] if " " not in word and word != short])
    adjective, place = rng.choice(ADJECTIVES), rng.choice(PLACES)
    article = "An" if adjective[0] in "AEIOU" else "A"
    return rng.choice(
        [
            short,
            f"The {adjective} {short}",
            f"{adjective} {short}",
            f"{short} of {place}",
            f"{short} & {other}",
            f"{short} in {place}",
            f"{article} {adjective} {short}",
        ]
    )
