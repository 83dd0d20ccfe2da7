"""Finding a film by its title, as people write it."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

ARTICLES = frozenset(["the", "a", "an", "le", "la", "les", "il", "el", "los", "las", "das", "der", "die"])
SURE = 0.85
LEAD = 0.06
POSSIBLE = 0.6
SPREAD = 0.15


def plain_title(title: str) -> str:
    """A title without case, accents, punctuation, and its leading (or filed) article.

    Examples:
        >>> plain_title("Piano, The"), plain_title("the piano"), plain_title("Amélie!")
        ('piano', 'piano', 'amelie')
        >>> plain_title("A")
        'a'
    """
    stem, comma, article = title.strip().rpartition(", ")
    if comma and article.casefold() in ARTICLES:
        title = stem
    text = unicodedata.normalize("NFKD", title.casefold().replace("&", " and "))
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    words = re.sub(r"[^\w\s]", " ", re.sub(r"['’`]", "", text)).split()
    if len(words) > 1 and words[0] in ARTICLES:
        words = words[1:]
    return " ".join(words)


def find_title(asked: str, titles: Sequence[str], years: Sequence[float] | None = None) -> tuple[list[int], bool]:
    """The films that a title may mean.

    A title that agrees but for case, accents, punctuation and article is taken at once. Otherwise every title is scored
    by its edit similarity, or, where the words that were asked for stand in it, by how much of it they cover. The only
    one that holds these words is taken before others that are merely near; else the best one, where it is close and
    clearly ahead of all others.

    Args:
        asked: The title; a year in brackets behind it picks among films of one title.
        titles: N titles, ``""`` where unknown.
        years: (N,) years, NaN where unknown.

    Returns:
        Positions, the likeliest first (at most 10), and whether the first is meant surely. Not sure and several: it is
        ambiguous. None: nothing is near.

    Examples:
        >>> find_title("piano", ["Piano, The", "Pianist, The"])
        ([0], True)
        >>> find_title("alien", ["Aliens", "Alien: Resurrection"])
        ([0, 1], False)
        >>> find_title("police academy 5", ["Police Academy", "Police Academy 5: Assignment: Miami Beach"])
        ([1], True)
        >>> find_title("zzz", ["Aliens"])
        ([], False)
    """
    match = re.fullmatch(r"(.+?)\s*\((\d{4})\)\s*", asked)
    year = int(match[2]) if match and years is not None else None
    wanted = plain_title(match[1] if match and year is not None else asked)
    if not wanted:
        return [], False
    among = [i for i, title in enumerate(titles) if title and (year is None or years is None or years[i] == year)]
    plain = {i: plain_title(titles[i]) for i in among}
    same = [i for i in among if plain[i] == wanted]
    if same:
        return same[:10], len(same) == 1
    scores = np.array([_likeness(wanted, plain[i]) for i in among])
    order = np.argsort(-scores, kind="stable")[:10]
    near = [(among[i], float(scores[i])) for i in order if scores[i] >= POSSIBLE]
    if not near:
        return [], False
    holding = [i for i, _ in near if _holds(plain[i], wanted)]
    best, lead = near[0][1], near[0][1] - (near[1][1] if len(near) > 1 else 0.0)
    if len(holding) == 1 and holding[0] != near[0][0]:
        # "Police Academy 5" is near to "Police Academy", but stands whole in the one with the subtitle.
        return holding, True
    if best >= SURE and lead >= LEAD and len(holding) <= 1:
        return [near[0][0]], True
    return holding or [i for i, score in near if score >= best - SPREAD], False


def _holds(title: str, wanted: str) -> bool:
    """Whether the wanted words stand in the title in one piece, the last one perhaps only begun."""
    return f" {wanted}" in f" {title}"


def _likeness(wanted: str, title: str) -> float:
    if not title:
        return 0.0
    if _holds(title, wanted):
        return 0.7 + 0.3 * len(wanted) / len(title)
    matcher = SequenceMatcher(None, title, wanted, autojunk=False)
    if matcher.real_quick_ratio() < POSSIBLE or matcher.quick_ratio() < POSSIBLE:
        return 0.0
    return matcher.ratio()
