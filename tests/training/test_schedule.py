"""Learning rates and number formats."""

import math

import pytest
import torch

from keyart.errors import InputError
from keyart.models.precision import autocast_for, has_bf16, resolve_precision
from keyart.training.schedule import PhaseSchedule, warmup_cosine


def test_warmup_then_cosine():
    total, warmup = 50, 0.2
    factors = [warmup_cosine(step, total, warmup) for step in range(total + 5)]
    assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert factors[10:50] == pytest.approx([(1 + math.cos(math.pi * i / 40)) / 2 for i in range(40)])
    assert factors[50:] == [0.0] * 5
    assert min(factors[:50]) > 0


def test_the_backbone_rests_in_the_head_phase_and_both_phases_warm_up():
    schedule = PhaseSchedule(head_epochs=2, finetune_epochs=3, warmup=0.25)
    head = [schedule.factor("head", step, 10) for step in range(50)]
    backbone = [schedule.factor("backbone", step, 10) for step in range(50)]
    assert backbone[:20] == [0.0] * 20
    assert backbone[20:] == head[20:] == [warmup_cosine(step, 30, 0.25) for step in range(30)]
    assert head[:20] == [warmup_cosine(step, 20, 0.25) for step in range(20)]


def test_either_phase_may_be_missing():
    assert PhaseSchedule(0, 1, 0.0).factor("backbone", 0, 4) == 1
    assert PhaseSchedule(1, 0, 0.0).factor("backbone", 4, 4) == PhaseSchedule(1, 0, 0.0).factor("head", 4, 4) == 0


@pytest.mark.parametrize(
    ("arguments", "key"), [((-1, 0), "head_epochs"), ((0, -1), "finetune_epochs"), ((1, 1, 1.0), "warmup")]
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
