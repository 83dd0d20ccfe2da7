"""Tests of shorthand overrides: each is translated as expected, or rejected in one line."""

import ast
import inspect
import re
import shutil
import subprocess
import sys

import lightning
import pytest
import yaml
from omegaconf import OmegaConf

from keyart.config import preflight
from keyart.config.compose import CONFIG_FOLDER, compose_all, composed, dotted_keys
from keyart.config.rules import RULES, lookup
from keyart.config.shorthand import NULLS, in_full, options_of
from keyart.errors import InputError
from keyart.training.trainer_arguments import INSTEAD, trainer_arguments

GROUPS = sorted(folder.name for folder in CONFIG_FOLDER.iterdir() if folder.is_dir() and folder.name != "hydra")
CHOICES = ([], ["loss=sum"], ["experiment=head"], ["sampler=pk", "miner=hard", "logger=[wandb,tensorboard]"])
WHOLE = {tuple(chosen): OmegaConf.to_container(compose_all(chosen)[0], resolve=False) for chosen in CHOICES}
HYDRAS_GROUPS = [f"hydra/{name}" for name in ("launcher", "sweeper", "job_logging", "hydra_logging")]
# Names of Python's loggers contain dots, so overrides cannot name them.
KEYS = [
    (chosen, key)
    for chosen, whole in WHOLE.items()
    for key in dotted_keys(whole)
    if not re.search(r"^hydra\.(runtime|overrides)|\.loggers\.", key)
    and (not chosen or key not in set(dotted_keys(WHOLE[()])))
]


def said(overrides):
    with pytest.raises(InputError) as caught:
        preflight(overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", ["{}=null", "~{}", "++{}=null"])
@pytest.mark.parametrize("group", [*GROUPS, *HYDRAS_GROUPS])
def test_every_group_that_is_taken_away_works_or_is_refused(group, form):
    override = form.format(group)
    if group not in NULLS:
        assert said([override]).startswith(f"{override}: a run needs {group}; ")
        return
    meant = NULLS[group]
    assert preflight([override]) == ([] if meant is None else [meant])


@pytest.mark.parametrize("form", ["{}=null", "~{}"])
def test_every_key_that_is_taken_away_works_or_is_refused(form):
    for chosen, key in KEYS:
        override, before = form.format(key), lookup(WHOLE[chosen], key)
        try:
            meant = in_full([*chosen, override])[len(chosen) :]
        except InputError as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert "\n" not in refused
            assert refused.startswith(f"{override}: a run needs {key}; ")
            continue
        if key in NULLS:
            assert meant == ([NULLS[key]] if NULLS[key] else []), override
        elif key in RULES and RULES[key](None) is None:
            assert meant == [f"{key}=null"], override
        else:
            assert before is None, f"{override} passes though {key} is {before}"
            assert meant == ([override] if form == "{}=null" else [])


@pytest.mark.parametrize("key", sorted(key for key in NULLS if NULLS[key] and "=" in NULLS[key]))
def test_what_stands_for_null_composes_and_passes_the_rules(key):
    chosen = ["experiment=head"] if key.startswith("model.") else []
    given = preflight([*chosen, f"{key}=null"])
    name, _, value = NULLS[key].partition("=")
    config = composed(given)
    found = lookup(config, name)
    assert str("null" if found is None else found) == value or name in GROUPS


@pytest.mark.parametrize("content", ["memory: null", "model:\n  kernel: null", "data:\n  split: 3", "training: null"])
def test_an_experiment_that_takes_a_node_away_is_refused(content, tmp_path):
    conf = tmp_path / "conf"
    shutil.copytree(CONFIG_FOLDER, conf)
    (conf / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{content}\n")
    with pytest.raises(InputError, match="a run needs") as caught:
        preflight(["experiment=mine"], conf)
    assert "\n" not in str(caught.value)


def test_null_among_the_values_of_a_sweep_is_read_too():
    assert preflight(["-m", "miner=null,semi_hard"]) == ["-m", "miner=none,semi_hard"]


class TestLoggers:
    @pytest.mark.parametrize(
        ("given", "names"),
        [
            (["logger=wandb"], {"wandb"}),
            (["logger=[csv,wandb]"], {"csv", "wandb"}),
            (["logger=[wandb,tensorboard]"], {"wandb", "tensorboard"}),
            (["logger=[tensorboard]"], {"tensorboard"}),
            (["logger=[]"], set()),
            (["logger=null"], {"csv"}),
            ([], {"csv"}),
        ],
    )
    def test_one_or_a_list(self, given, names):
        assert set(composed(preflight(given)).get("logger") or {}) == names

    @pytest.mark.parametrize("sign", ["", "+", "++"])
    @pytest.mark.parametrize("chosen", ["logger=wandb", "logger=[csv,wandb]", "logger=[wandb]", "++logger=wandb"])
    def test_one_loggers_keys_need_not_name_it(self, chosen, sign):
        given = in_full([chosen, f"{sign}logger.mode=offline"])
        assert given == [chosen, f"{sign}logger.wandb.mode=offline"]

    def test_a_key_reaches_its_logger_in_a_list(self):
        config = composed(preflight(["logger=[wandb,tensorboard]", "logger.wandb.mode=offline"]))
        assert config["logger"]["wandb"]["build"]["mode"] == "offline"

    def test_of_several_it_must(self):
        told = said(["logger=[wandb,tensorboard]", "logger.mode=offline"])
        assert told.startswith("logger.mode=offline: several loggers are chosen; write logger.wandb.mode or ")

    def test_without_one_there_is_nothing_to_set(self):
        assert "logger=wandb" in said(["logger.mode=offline"])

    def test_the_recorded_line_of_an_earlier_version_is_read(self):
        assert in_full(["logger.project=x", "logger=wandb"]) == ["logger.wandb.project=x", "logger=wandb"]

    def test_an_experiment_may_choose_it(self, tmp_path):
        conf = tmp_path / "conf"
        shutil.copytree(CONFIG_FOLDER, conf)
        text = "# @package _global_\ndefaults:\n  - override /logger: [csv, wandb]\n"
        (conf / "experiment" / "mine.yaml").write_text(text)
        given = preflight(["experiment=mine", "logger.mode=offline"], conf)
        assert composed(given, conf)["logger"]["wandb"]["mode"] == "offline"

    def test_a_value_that_is_wrong_is_told_by_its_full_key(self):
        assert said(["logger=wandb", "logger.mode=sometimes"]).startswith("logger.wandb.mode=sometimes: ")

    def test_every_file_is_of_its_own_package(self):
        for name in options_of("logger"):
            text = (CONFIG_FOLDER / "logger" / f"{name}.yaml").read_text()
            assert text.startswith(f"# @package logger.{name}\n")
            assert isinstance(yaml.safe_load(text), dict)


class TestTrainer:
    def test_the_arguments_are_those_of_the_class(self):
        names = [name for name in inspect.signature(lightning.Trainer.__init__).parameters if name != "self"]
        assert list(trainer_arguments()) == names

    @pytest.mark.parametrize("sign", ["", "+", "++"])
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("limit_train_batches", 10),
            ("limit_val_batches", 0.5),
            ("fast_dev_run", True),
            ("accumulate_grad_batches", 2),
            ("deterministic", "warn"),
            ("gradient_clip_algorithm", "norm"),
            ("benchmark", None),
            ("devices", 1),
        ],
    )
    def test_any_argument_is_handed_over(self, name, value, sign):
        written = yaml.safe_dump(value).partition("\n")[0]
        given = preflight([f"{sign}trainer.{name}={written}"])
        assert composed(given)["trainer"][name] == value

    @pytest.mark.parametrize("name", sorted(INSTEAD))
    @pytest.mark.parametrize("sign", ["", "+"])
    def test_what_keyart_sets_itself_is_refused(self, name, sign):
        assert f"trainer.{name}=1: keyart sets this argument" in said([f"{sign}trainer.{name}=1"])

    @pytest.mark.parametrize(
        ("override", "told"),
        [
            ("trainer.limit_train_batches=abc", "takes int or float or null"),
            ("trainer.accumulate_grad_batches=null", "takes int"),
            ("trainer.detect_anomaly=3", "takes bool"),
            ("+trainer.limit_train_batch=3", "did you mean trainer.limit_train_batches?"),
            ("trainer.fast_run=true", "did you mean trainer.fast_dev_run?"),
            ("trainer.loops=true", "trainer holds accelerator, "),
        ],
    )
    def test_a_wrong_value_or_name_is_refused(self, override, told):
        assert told in said([override])

    def test_they_are_found_without_importing_lightning(self):
        code = (
            "import sys; from keyart.config import preflight; preflight(['trainer.limit_train_batches=3']);"
            "print([name for name in ('torch', 'lightning') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ast.literal_eval(done.stdout) == []


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("embedding_size=64", "did you mean model.embedding_size?"),
        ("+lr=0.1", "did you mean optimizer.lr?"),
        ("optimizer.lrr=0.1", "did you mean optimizer.lr?"),
        ("learning_rate=0.1", "did you mean optimizer.lr?"),
        ("max_epochs=3", "did you mean training.head_epochs?"),
        ("ckpt_path=x", "did you mean resume?"),
        ("batch_size=3", "did you mean sampler.batch_size?"),
        ("modle.dropout=0.1", "did you mean model.dropout?"),
        ("sampler.temper=0.1", "did you mean sampler.tempering?"),
        ("memory.steps=3", "memory holds size, start_step"),
        ("zzz=3", "python train.py --help lists the keys"),
    ],
)
def test_a_hint_is_what_was_meant_or_what_there_is(override, hint):
    assert said([override]).endswith(hint)
