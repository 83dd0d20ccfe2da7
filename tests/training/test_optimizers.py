"""Optimizers and schedulers of conf/, and the user's own: each trains, resumes exactly, or is refused in one line."""

import pytest
import torch
from omegaconf import OmegaConf

from keyart.config.compose import compose_plain
from keyart.config.shorthand import options_of
from keyart.errors import InputError
from keyart.training.build import build_optimizer, build_scheduler, instantiate_node
from keyart.training.schedule import PhaseSchedule
from tests.training.test_module import STEPS, Recorder, check_resumed_equals, fit, make


def chosen(*overrides):
    """Return the arguments of the module that the overrides choose."""
    config = compose_plain(["experiment=plain", *overrides])
    optimizer = config["optimizer"]
    rates = {key: optimizer[key] for key in ("lr", "backbone_lr", "layer_decay", "frozen_share", "weight_decay")}
    return {"optimizer": build_optimizer(optimizer), "scheduler": build_scheduler(config["scheduler"]), **rates}


@pytest.mark.parametrize("scheduler", options_of("scheduler"))
@pytest.mark.parametrize("optimizer", options_of("optimizer"))
def test_each_trains_in_both_phases_and_resumes_exactly(optimizer, scheduler, tmp_path):
    kwargs = chosen(f"optimizer={optimizer}", f"scheduler={scheduler}")
    module, loader = make(**kwargs)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    recorder = Recorder()
    fit(module, loader, recorder)
    moved = {key for key in before if not torch.equal(before[key], module.state_dict()[key])}
    assert {"embedder.head.project.weight", "embedder.backbone.model.conv1.0.weight"} <= moved
    assert all(torch.isfinite(torch.tensor(recorder.losses)))
    expected = PhaseSchedule(2, 2, kwargs["scheduler"])
    for step, rates in enumerate(recorder.rates):
        assert rates["head"][0] == kwargs["lr"] * expected.factor("head", step, STEPS)
        assert max(rates["backbone"]) == pytest.approx(
            kwargs["backbone_lr"] * expected.factor("backbone", step, STEPS), rel=1e-12
        )
    check_resumed_equals(module, recorder, tmp_path, 8, **kwargs)


def test_the_default_is_fused_adamw_with_cosine():
    kwargs = chosen()
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 0.1, "weight_decay": 0.0}]
    optimizer = kwargs["optimizer"](groups)
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.defaults == torch.optim.AdamW(groups, fused=True).defaults


@pytest.mark.parametrize(
    ("target", "more", "value"),
    [
        ("torch.optim.RMSprop", {"alpha": 0.9}, ("alpha", 0.9)),
        ("timm.optim.Lion", {"betas": [0.8, 0.9]}, ("betas", [0.8, 0.9])),
        ("torch.optim.AdamW", {"fused": False}, ("fused", False)),
    ],
)
def test_any_other_class_works_with_its_own_arguments(target, more, value):
    optimizer = build_optimizer({**compose_plain([])["optimizer"], "_target_": target, **more})
    created = optimizer([{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 0.1, "weight_decay": 0.0}])
    assert created.defaults[value[0]] == value[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"_target_": "torch.optim.Nope"},
        {"_target_": "torch.optim.LBFGS"},
        {"_target_": "math.hypot"},
        {"momentum": 0.9},
        {"betas": 3},
    ],
)
def test_what_is_no_optimizer_is_refused(changes):
    with pytest.raises(InputError, match=r"optimizer\._target_=") as caught:
        build_optimizer({**compose_plain([])["optimizer"], **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"_target_": "keyart.training.schedule.nope"},
        {"_target_": "torch.optim.lr_scheduler.StepLR"},
        {"_target_": "math.hypot"},
        {"end": 0.1},
        {"warmup": 1.0},
    ],
)
def test_what_is_no_scheduler_is_refused(changes):
    with pytest.raises(InputError, match=r"scheduler\.(_target_|warmup)=") as caught:
        build_scheduler({**compose_plain([])["scheduler"], **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("build", "fault"),
    [
        ({"_target_": "no_such_module.MyLoss"}, "cannot be loaded .*its module must be importable: .*PYTHONPATH"),
        ({"_target_": "keyart.losses.TripletLoss", "gamma": 2}, "cannot be built .*argument 'gamma'.*its arguments"),
    ],
)
def test_a_class_that_cannot_be_built_is_one_line_with_the_fix(build, fault):
    node = OmegaConf.create({"loss": {"build": build}}).loss.build
    with pytest.raises(InputError, match=rf"^loss\.build\._target_={build['_target_']}: {fault}") as caught:
        instantiate_node(node)
    assert "HYDRA_FULL_ERROR" not in str(caught.value)
