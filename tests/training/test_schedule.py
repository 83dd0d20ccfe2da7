"""Learning rates and number formats."""

import math
from functools import partial

import pytest
import torch

from keyart.errors import InputError
from keyart.models.precision import autocast_for, has_bf16, resolve_precision
from keyart.training.schedule import PhaseSchedule, one_cycle, warmup_constant, warmup_cosine


def test_warmup_then_cosine():
    total, warmup = 50, 0.2
    factors = [warmup_cosine(step, total, warmup) for step in range(total + 5)]
    assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert factors[10:50] == pytest.approx([(1 + math.cos(math.pi * i / 40)) / 2 for i in range(40)])
    assert factors[50:] == [0.0] * 5
    assert min(factors[:50]) > 0


def test_a_constant_rate_warms_up_alike():
    factors = [warmup_constant(step, 50, 0.2) for step in range(55)]
    assert factors[:10] == [warmup_cosine(step, 50, 0.2) for step in range(10)]
    assert factors[10:] == [1.0] * 40 + [0.0] * 5


@pytest.mark.parametrize(("total", "warmup"), [(50, 0.3), (10, 0.25), (7, 0.5), (3, 0.9)])
def test_one_cycle_is_that_of_torch(total, warmup):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    peer = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=total, pct_start=warmup)
    for step in range(total):
        assert one_cycle(step, total, warmup) == pytest.approx(peer.get_last_lr()[0], rel=1e-6, abs=1e-12)
        optimizer.step()
        peer.step()
    assert one_cycle(total, total, warmup) == 0


def test_one_cycle_of_few_steps_starts_at_the_peak():
    assert one_cycle(0, 1) == one_cycle(0, 3) == 1


def test_the_backbone_rests_in_the_head_phase_and_both_phases_warm_up():
    schedule = PhaseSchedule(head_epochs=2, finetune_epochs=3, scheduler=partial(warmup_cosine, warmup=0.25))
    head = [schedule.factor("head", step, 10) for step in range(50)]
    backbone = [schedule.factor("backbone", step, 10) for step in range(50)]
    assert backbone[:20] == [0.0] * 20
    assert backbone[20:] == head[20:] == [warmup_cosine(step, 30, 0.25) for step in range(30)]
    assert head[:20] == [warmup_cosine(step, 20, 0.25) for step in range(20)]


def test_either_phase_may_be_missing():
    peak = partial(warmup_cosine, warmup=0.0)
    assert PhaseSchedule(0, 1, peak).factor("backbone", 0, 4) == 1
    assert PhaseSchedule(1, 0, peak).factor("backbone", 4, 4) == PhaseSchedule(1, 0, peak).factor("head", 4, 4) == 0


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((-1, 0), "head_epochs"),
        ((0, -1), "finetune_epochs"),
        *(((1, 1, partial(shape, warmup=1.0)), "warmup") for shape in (warmup_cosine, warmup_constant, one_cycle)),
    ],
)
def test_values_out_of_range_are_refused(arguments, key):
    with pytest.raises(InputError, match=key):
        PhaseSchedule(*arguments)


def test_precision():
    assert resolve_precision("cpu", "fp32") == "fp32"
    assert resolve_precision("cpu", "bf16") == "bf16"
    assert resolve_precision("cpu", "auto") == ("bf16" if has_bf16("cpu") else "fp32")
    assert resolve_precision("meta", "auto") == "fp32"
    with pytest.raises(InputError, match=r"training\.precision=fp16"):
        autocast_for("cpu", "fp16")
    layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with autocast_for("cpu", "bf16"):
        assert layer(x).dtype == torch.bfloat16
    with autocast_for("cpu", "fp32"):
        assert layer(x).dtype == torch.float32
