"""YAML file, class and table agree about every loss; ``loss=sum`` and schedules work from the command line."""

import subprocess
import sys
from functools import cache
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from keyart import losses
from keyart.config.loss_rules import active_terms, check_combination, check_loss
from keyart.config.loss_table import loss_table, read_losses
from keyart.config.preflight import CONFIG_FOLDER, compose_plain
from keyart.config.shorthand import expand_shorthand
from keyart.errors import InputError
from keyart.losses.base import MarginSchedule, MetricLoss
from tests.fakes import multi_hot, unit
from tests.losses.cases import GENRES, NAMES, SIZE, YAMLS, loss_class, make, own_settings, related

# Overrides that Hydra needs in addition to the name. test_from_pml.py tests the other classes of PML.
MORE = {"pml": ["loss.class=TripletMarginLoss"]}
SINGLE = [name for name in NAMES if name not in ("sum", "pml")]
WITH_MARGIN = [name for name in NAMES if loss_class(name).margin_spec is not None]


def built(*overrides: str) -> MetricLoss:
    """Build the loss that training builds from these overrides."""
    full = expand_shorthand(overrides)
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        return instantiate(compose("train", overrides=full).loss.build)


@cache
def composed(name: str) -> dict[str, Any]:
    """Return the loss part of a configuration with this loss."""
    return compose_plain([f"loss={name}", *MORE.get(name, [])])["loss"]


def test_every_loss_has_a_yaml():
    exported = {getattr(losses, name) for name in losses.__all__}
    classes = {c for c in exported if isinstance(c, type) and issubclass(c, MetricLoss)} - {MetricLoss}
    assert classes <= {loss_class(name) for name in NAMES} | {losses.PMLLoss}


@pytest.mark.parametrize("name", NAMES)
def test_yaml_and_class_agree(name):
    cls, content = loss_class(name), YAMLS[name]
    about, spec = content["about"], cls.margin_spec
    assert cls.name == name == content["name"]
    assert (about["miner"], about["memory"]) == (cls.supports_miner, cls.supports_memory)
    if spec is None:
        assert (content["margin"], about["unit"], about["range"]) == (None, None, None)
        assert ("margin_schedule" in content) == (name == "pml")
    else:
        assert (content["margin"], about["unit"], about["range"]) == (spec.default, spec.unit, [spec.low, spec.high])
        assert about["source"].startswith(spec.source)
        assert MarginSchedule.from_config(content["margin_schedule"]) == MarginSchedule()
        assert f"None for {spec.default:g}" in cls.__doc__
    if name == "sum":
        # Any other loss is added by its name.
        assert content["weights"] == {"angular": 1.0, "distillation": 1.0}
        return
    if name == "pml":
        parameters = {"class_name": "class", "margin": "margin", "margin_schedule": "margin_schedule", "args": "args"}
        expected = {parameter: f"${{..{key}}}" for parameter, key in parameters.items()}
        assert {key: value for key, value in content["build"].items() if not key.startswith("_")} == expected
        return
    assert {key: content[key] for key in own_settings(name)} == own_settings(name)
    own = {"margin", "margin_schedule"} if spec else set()
    assert set(content["build"]) - {"_target_"} == own | set(own_settings(name))
    assert all(value == f"${{..{key}}}" for key, value in content["build"].items() if key != "_target_")


@pytest.mark.parametrize("name", NAMES)
def test_hydra_builds_it(name):
    loss = built(f"loss={name}", *MORE.get(name, []))
    assert type(loss) is loss_class(name)
    loss.build(SIZE, torch.ones(GENRES), 9)
    rel = related(multi_hot(9, GENRES, seed=1))
    assert loss(unit(9, SIZE).float(), rel).isfinite()
    check_loss(composed(name))


@pytest.mark.parametrize("name", WITH_MARGIN)
def test_margins_out_of_range_are_refused_by_class_and_rules(name):
    low, high = YAMLS[name]["about"]["range"]
    for bad in (low - 1, high + 1, "abc"):
        with pytest.raises(InputError, match=rf"loss.margin={bad}: .*{YAMLS[name]['about']['unit']}"):
            loss_class(name)(bad)
        with pytest.raises(InputError, match=rf"loss.margin={bad}: .*{YAMLS[name]['about']['unit']}"):
            check_loss({**YAMLS[name], "margin": bad})
    for fine in (low, high):
        loss_class(name)(fine)
        check_loss({**YAMLS[name], "margin": fine})


@pytest.mark.parametrize("name", [name for name in (*SINGLE, "sum") if name not in WITH_MARGIN])
def test_losses_without_margin_refuse_one(name):
    with pytest.raises(InputError, match=f"loss={name} has no margin"):
        check_loss({**composed(name), "margin": 0.5})
    with pytest.raises(InputError, match=f"loss={name} has no margin"):
        loss_class(name)(**({"terms": {}, "weights": {}} if name == "sum" else {}), margin=0.5)


@pytest.mark.parametrize("name", SINGLE)
def test_wrong_numbers_of_its_own_are_reported_with_their_key(name):
    for key, value in own_settings(name).items():
        wrong = -7.0 if isinstance(value, float) or key == "alpha" else "nonsense"
        with pytest.raises(InputError, match=f"loss.{key}={wrong}") as caught:
            loss_class(name)(**{key: wrong})
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match=f"loss.{key}=abc"):
            loss_class(name)(**{key: "abc"})


@pytest.mark.parametrize("name", WITH_MARGIN)
def test_a_schedule_moves_the_margin_of_every_loss_that_has_one(name):
    spec = loss_class(name).margin_spec
    x, rel = unit(11, SIZE, seed=2), related(multi_hot(11, GENRES, seed=1))
    start, low_value = spec.default * 0.5, make(name, margin=spec.default * 0.5)(x, rel)
    schedule = {"kind": "linear", "start": start, "share": 0.5}
    loss = make(name, margin_schedule=schedule)
    # A new loss is at step 0.
    assert loss.margin == start
    assert loss(x, rel) == low_value
    for step, margin in ((25, spec.default * 0.75), (50, spec.default), (99, spec.default), (0, start)):
        loss.set_step(step, 100)
        assert loss.margin == pytest.approx(margin)
        torch.testing.assert_close(loss(x, rel), make(name, margin=margin)(x, rel))
    assert low_value != make(name)(x, rel)


def test_schedules_are_checked():
    angular = losses.AngularLoss
    assert angular(45, {"kind": "linear"}).margin == 1
    for bad, summary in (
        ({"kind": "cosine"}, "loss.margin_schedule.kind=cosine"),
        ({"kind": "linear", "share": 0}, "loss.margin_schedule.share=0"),
        ({"kind": "linear", "start": 200}, "loss.margin_schedule.start=200"),
    ):
        with pytest.raises(InputError, match=summary):
            angular(45, bad)
        with pytest.raises(InputError, match=summary):
            check_loss({**YAMLS["angular"], "margin_schedule": bad})
    with pytest.raises(InputError, match=r"loss.margin_schedule.steps"):
        angular(45, {"steps": 9})
    schedule = ("loss.margin_schedule.kind=linear", "loss.margin_schedule.start=20")
    loss = built("loss=angular", "loss.margin=45", *schedule)
    loss.set_step(10, 100)
    assert loss.margin == pytest.approx(32.5)


def test_sum_takes_weights_and_terms_from_the_command_line():
    overrides = ("loss.weights.distillation=0", "loss.weights.supcon=0.5", "loss.terms.supcon.temperature=0.2")
    margins = ("loss.terms.angular.margin=40", "loss.terms.angular.margin_schedule.kind=linear")
    loss = built("loss=sum", *overrides, *margins)
    loss.set_step(99, 100)
    x, rel = unit(9, SIZE, seed=1), related(multi_hot(9, GENRES, seed=1))
    expected = losses.AngularLoss(40)(x, rel) + 0.5 * losses.SupConLoss(temperature=0.2)(x, rel)
    torch.testing.assert_close(loss(x, rel), expected)
    assert loss.weights == {"angular": 1.0, "supcon": 0.5}
    loss.set_step(0, 100)
    assert loss.losses()["angular"].margin == 1


def test_sum_needs_what_its_terms_need():
    plain = losses.SumLoss({"supcon": losses.SupConLoss(), "bce": losses.BCELoss()}, {"supcon": 1})
    assert (plain.input_kind, plain.supports_memory, plain.supports_miner, plain.needs_frozen_features) == (
        "normalised",
        True,
        True,
        False,
    )
    terms = {"bce": losses.BCELoss(), "keep": losses.DistillationLoss()}
    mixed = losses.SumLoss(terms, {"bce": 1, "keep": 1})
    assert (mixed.input_kind, mixed.supports_memory, mixed.supports_miner, mixed.needs_frozen_features) == (
        "raw",
        True,
        False,
        True,
    )
    for weights, summary in (
        ({"bce": -1}, "loss.weights.bce=-1"),
        ({"bce": "x"}, "loss.weights.bce=x"),
        ({"nope": 1}, "loss.weights.nope"),
        ({"bce": 0}, "loss.weights: all are 0"),
    ):
        with pytest.raises(InputError, match=summary):
            losses.SumLoss(terms, weights)
        with pytest.raises(InputError, match=summary):
            list(active_terms({"name": "sum", "terms": terms, "weights": weights}))


def test_sums_check_the_margins_of_the_terms_at_work():
    check_loss(compose_plain(expand_shorthand(["loss=sum", "loss.terms.triplet.margin=45"]))["loss"])
    used = compose_plain(expand_shorthand(["loss=sum", "loss.terms.triplet.margin=45", "loss.weights.triplet=1"]))
    with pytest.raises(InputError, match=r"loss.terms.triplet.margin=45: .*distance"):
        check_loss(used["loss"])


@pytest.mark.parametrize("name", NAMES)
def test_miners_and_memories_are_refused_where_they_have_nothing_to_do(name):
    loss, cls = composed(name), loss_class(name)
    check_combination(loss, miner="none")
    if cls.supports_miner:
        check_combination(loss, miner="semi_hard")
    else:
        with pytest.raises(InputError, match=f"miner=semi_hard: loss={name} .* miner=none"):
            check_combination(loss, miner="semi_hard")
    if cls.supports_memory:
        check_combination(loss, memory=True)
    else:
        with pytest.raises(InputError, match=f"memory: loss={name}"):
            check_combination(loss, memory=True)


def test_a_sum_without_pairs_refuses_a_miner():
    none = [f"loss.weights.{name}=0" for name in ("angular", "distillation")]
    loss = compose_plain(expand_shorthand(["loss=sum", *none, "loss.weights.bce=1"]))["loss"]
    with pytest.raises(InputError, match="miner=hard: loss=sum"):
        check_combination(loss, miner="hard")


def test_the_table_lists_every_loss():
    command = [sys.executable, "-m", "keyart.config.tables"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n\n")[0]
    assert printed == loss_table()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines()[2:]]
    pages = {name: "pml.md" if name == "pml" else f"generated/loss-{name}.md" for name in NAMES}
    assert [row[0] for row in rows] == [f"[`{name}`]({page})" for name, page in pages.items()]
    assert all(len(row) == 5 and all(row) for row in rows)
    assert rows[0][1:4] == ["degrees", "36", "1 to 80"]
    assert set(read_losses()) == set(NAMES)
