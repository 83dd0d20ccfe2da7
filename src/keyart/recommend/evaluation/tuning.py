"""Selection of model settings, on events that are not used for evaluation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from keyart.recommend.evaluation.events import Ints, Task
from keyart.recommend.evaluation.models import ContentModel, Scores, blend, ease
from keyart.recommend.evaluation.ranking import NAMES, evaluate

RIDGES = (0.005, 0.02, 0.08, 0.32)
"""Ridges of user profiles to try, relative to the trace of the covariance."""
BESIDE = (0.5, 1.0, 2.0, 4.0)
"""Weights to try for a second kind of vectors."""
EASE_RIDGES = (30.0, 100.0, 300.0, 1000.0)
BLENDS = (0.0, 0.1, 0.2, 0.4, 0.8)
CRITERION = NAMES.index("ndcg@100")

Vectors = Mapping[str, npt.NDArray[np.float32]]


class Spaces:
    """Cache of content models: one per kind of vectors and ridge."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._known: dict[tuple[str, float], ContentModel] = {}

    def content_model(self, kind: str, ridge: float) -> ContentModel:
        """Return the model of one kind of vectors with a ridge."""
        if (kind, ridge) not in self._known:
            self._known[kind, ridge] = ContentModel.of(self._vectors[kind], ridge)
        return self._known[kind, ridge]


@dataclass
class ChosenModels:
    """Selected models and settings.

    Attributes:
        content_model: Content model of each row.
        settings: Settings of each row, for people.
    """

    content_model: dict[str, ContentModel] = field(default_factory=dict)
    settings: dict[str, dict[str, float | bool]] = field(default_factory=dict)


def value(task: Task, scores: Scores) -> float:
    """Return the selection criterion: mean nDCG@100 over users."""
    return float(np.nanmean(evaluate(task, scores).values[:, CRITERION]))


def best(options: Iterable[tuple[float | bool, ...]], worth: Callable[..., float]) -> tuple[float | bool, ...]:
    """Return the option with the highest value; the first of equals."""
    return max(((worth(*one), -i, one) for i, one in enumerate(options)), key=lambda found: found[:2])[2]


def choose_content_model(
    spaces: Spaces, kinds: Iterable[str], pairs: Iterable[tuple[str, str]], inner: Task
) -> ChosenModels:
    """Choose the ridge of each kind of vectors, then the weight of the second kind of each pair.

    Args:
        spaces: Models of all kinds.
        kinds: Kinds to use alone.
        pairs: Pairs of kinds to combine; the row of a pair has the name ``first+second``.
        inner: Validation events.
    """
    chosen, users = ChosenModels(), inner.users()
    alone: dict[str, Scores] = {}
    for kind in kinds:
        scores = {ridge: spaces.content_model(kind, ridge).scores(inner.known, users) for ridge in RIDGES}
        (ridge,) = best([(one,) for one in RIDGES], lambda one, scores=scores: value(inner, scores[one]))
        chosen.content_model[kind], alone[kind] = spaces.content_model(kind, float(ridge)), scores[float(ridge)]
        chosen.settings[kind] = {"ridge": ridge}
    for first, second in pairs:
        (weight,) = best(
            [(one,) for one in BESIDE], lambda one, a=first, b=second: value(inner, alone[a] + one * alone[b])
        )
        name = f"{first}+{second}"
        chosen.content_model[name] = chosen.content_model[first].beside(chosen.content_model[second], float(weight))
        chosen.settings[name] = {"weight": weight}
    return chosen


def choose_interaction(chosen: ChosenModels, content: str, inner: Task) -> None:
    """Choose EASE's ridge and kind of events, and the weight of a content model in the hybrid."""
    users = inner.users()
    options = [(ridge, liked) for liked in (False, True) for ridge in EASE_RIDGES]
    ridge, liked = best(options, lambda ridge, liked: value(inner, ease(inner.known, users, ridge, liked)))
    chosen.settings["ease"] = {"ridge": ridge, "liked_only": liked}
    interaction = ease(inner.known, users, float(ridge), bool(liked))
    content_model = chosen.content_model[content].scores(inner.known, users)
    (weight,) = best([(one,) for one in BLENDS], lambda one: value(inner, blend(interaction, content_model, one)))
    chosen.settings["hybrid"] = {"weight": weight}


def interaction_scores(chosen: ChosenModels, content: str, task: Task, users: Ints) -> dict[str, Scores]:
    """Return the scores of ``ease`` and ``hybrid`` with the chosen settings."""
    found = chosen.settings["ease"]
    interaction = ease(task.known, users, float(found["ridge"]), bool(found["liked_only"]))
    content_model = chosen.content_model[content].scores(task.known, users)
    return {
        "ease": interaction,
        "hybrid": blend(interaction, content_model, float(chosen.settings["hybrid"]["weight"])),
    }
