"""Checks of a loss: its margin, its schedule, the terms of a sum, and valid combinations.

Each loss's YAML file has the necessary facts under ``about``, so that the checks build no loss and do not import torch.
The only exception is ``loss=pml``: only pytorch-metric-learning knows the arguments of its classes.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from keyart.errors import InputError

#: What the ``about`` of each loss's YAML file must hold, with an example of each.
EXAMPLE_FACTS = {"unit": "distance", "range": "[0, 2]", "miner": "true", "memory": "true"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def active_terms(loss: Mapping[str, Any], key: str = "loss") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the active losses with their dotted keys: the terms of a sum with a positive weight, or the loss itself."""
    if "terms" not in loss:
        yield key, loss
        return
    weights, terms = loss["weights"], loss["terms"]
    for name, weight in weights.items():
        if name not in terms:
            raise InputError(
                f"{key}.weights.{name}={_shown(weight)}: there is no such term; choose of {', '.join(terms)}"
            )
        if not _is_number(weight) or weight < 0:
            raise InputError(f"{key}.weights.{name}={_shown(weight)}: a weight is a number of 0 or more")
    used = [name for name, weight in weights.items() if weight > 0]
    if not used:
        raise InputError(f"{key}.weights: all are 0; give at least one term a weight, such as {key}.weights.angular=1")
    for name in used:
        yield f"{key}.terms.{name}", terms[name]


def check_one_margin(loss: Mapping[str, Any], key: str) -> None:
    """Check one loss's margin and schedule against the unit and range in its YAML file."""
    if "class" in loss:
        _built(loss, key)
        return
    name, margin, about = loss.get("name"), loss.get("margin"), loss.get("about") or {}
    if missing := [f"{fact}: {value}" for fact, value in EXAMPLE_FACTS.items() if fact not in about]:
        raise InputError(
            f"{key}.about: the YAML file of loss={name} lacks {', '.join(missing)} (examples; unit and range are null"
            " where there is no margin)"
        )
    unit, bounds = about["unit"], about["range"]
    if unit is None:
        if margin is not None:
            raise InputError(f"{key}.margin={_shown(margin)}: loss={name} has no margin; leave {key}.margin out")
        return
    assert bounds is not None
    low, high = bounds
    text = f"the margin of loss={name} is a number in its own unit ({unit}), from {low:g} to {high:g}"
    if not _is_number(margin) or not low <= margin <= high:
        raise InputError(f"{key}.margin={_shown(margin)}: {text}")
    schedule = loss.get("margin_schedule") or {}
    kind, start, share = schedule.get("kind", "constant"), schedule.get("start"), schedule.get("share", 0.2)
    if kind not in ("constant", "linear"):
        raise InputError(f"{key}.margin_schedule.kind={_shown(kind)}: takes one of constant, linear")
    if start is not None and (not _is_number(start) or not low <= start <= high):
        raise InputError(f"{key}.margin_schedule.start={_shown(start)}: {text}, or null")
    if not _is_number(share) or not 0 < share <= 1:
        raise InputError(f"{key}.margin_schedule.share={_shown(share)}: takes a number above 0 and at most 1")


def _built(loss: Mapping[str, Any], key: str) -> Any:
    """Build a loss of pytorch-metric-learning; this checks its class, margin and arguments."""
    from keyart.losses.pml import PMLLoss

    try:
        return PMLLoss(loss["class"], loss["margin"], loss["margin_schedule"], loss["args"])
    except InputError as error:
        raise InputError(key + str(error).removeprefix("loss")) from error


def check_loss(loss: Mapping[str, Any]) -> None:
    """Check a loss, or every term of a sum that has a positive weight."""
    for key, one in active_terms(loss):
        check_one_margin(one, key)
    if "terms" in loss and loss.get("margin") is not None:
        raise InputError(
            f"loss.margin={_shown(loss['margin'])}: loss={loss['name']} has no margin of its own;"
            " set its terms', such as loss.terms.angular.margin"
        )


def check_combination(loss: Mapping[str, Any], *, miner: str | None = None, memory: bool = False) -> None:
    """Check that the loss can use a miner, or a memory of other batches."""
    terms = list(active_terms(loss))
    abouts = [one["about"] for _, one in terms]
    name = loss["name"]
    if miner not in (None, "none") and not any(about["miner"] for about in abouts):
        reason = (
            "weighs every pair by its gain or its rank"
            if any(about["memory"] for about in abouts)
            else "compares posters with genres and not with each other"
        )
        raise InputError(f"miner={miner}: loss={name} {reason}, so there are no pairs to choose; take miner=none")
    if memory and not any(about["memory"] for about in abouts):
        raise InputError(
            f"memory: loss={name} compares posters with genres and not with each other,"
            " so posters of other batches are of no use; leave the memory out"
        )
    for key, one in terms:
        if memory and "class" in one and (reason := _built(one, key).no_references):
            raise InputError(f"memory: loss={name} {key}.class={one['class']} {reason}; leave the memory out")
