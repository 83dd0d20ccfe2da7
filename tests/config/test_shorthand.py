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
from keyart.config.compose import CONFIG_FOLDER, compose_all, compose_plain, dotted_keys
from keyart.config.recorded import check_recorded
from keyart.config.rules import RULES, lookup
from keyart.config.shorthand import NULLS, expand_shorthand, options_of
from keyart.errors import InputError
from keyart.models.heads.build import parameters_of
from keyart.models.heads.registry import PROJECTED, TRAINED
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
            meant = expand_shorthand([*chosen, override])[len(chosen) :]
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


def test_no_experiment_is_the_plain_defaults():
    assert compose_plain(preflight(["experiment=null"])) == compose_plain(["experiment=plain"])
    assert compose_plain(["experiment=plain"])["model"]["head"] == "mlp"
    assert compose_plain([]) == compose_plain(["experiment=head"])


# Hydra leaves no node of an experiment in the configuration.
@pytest.mark.parametrize("key", sorted(key for key in NULLS if NULLS[key] and key != "experiment"))
def test_what_stands_for_null_composes_and_passes_the_rules(key):
    chosen = ["experiment=head"] if key.startswith("model.") else []
    given = preflight([*chosen, f"{key}=null"])
    name, _, value = NULLS[key].partition("=")
    config = compose_plain(given)
    found = lookup(config, name)
    assert str("null" if found is None else found) == value or name in GROUPS


@pytest.mark.parametrize(
    "content",
    [
        "memory: null",
        "defaults:\n  - override /head: ensemble\nmodel:\n  kernel: null",
        "data:\n  split: 3",
        "training: null",
    ],
)
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
        assert set(compose_plain(preflight(given)).get("logger") or {}) == names

    @pytest.mark.parametrize("sign", ["", "+", "++"])
    @pytest.mark.parametrize("chosen", ["logger=wandb", "logger=[csv,wandb]", "logger=[wandb]", "++logger=wandb"])
    def test_one_loggers_keys_need_not_name_it(self, chosen, sign):
        given = expand_shorthand([chosen, f"{sign}logger.mode=offline"])
        assert given == [chosen, f"{sign}logger.wandb.mode=offline"]

    def test_a_key_reaches_its_logger_in_a_list(self):
        config = compose_plain(preflight(["logger=[wandb,tensorboard]", "logger.wandb.mode=offline"]))
        assert config["logger"]["wandb"]["build"]["mode"] == "offline"

    def test_of_several_it_must(self):
        summary = said(["logger=[wandb,tensorboard]", "logger.mode=offline"])
        assert summary.startswith("logger.mode=offline: several loggers are chosen; write logger.wandb.mode or ")

    def test_without_one_there_is_nothing_to_set(self):
        assert "logger=wandb" in said(["logger.mode=offline"])

    def test_the_recorded_line_of_an_earlier_version_is_read(self):
        assert expand_shorthand(["logger.project=x", "logger=wandb"]) == ["logger.wandb.project=x", "logger=wandb"]

    def test_an_experiment_may_choose_it(self, tmp_path):
        conf = tmp_path / "conf"
        shutil.copytree(CONFIG_FOLDER, conf)
        text = "# @package _global_\ndefaults:\n  - override /logger: [csv, wandb]\n"
        (conf / "experiment" / "mine.yaml").write_text(text)
        given = preflight(["experiment=mine", "logger.mode=offline"], conf)
        assert compose_plain(given, conf)["logger"]["wandb"]["mode"] == "offline"

    def test_a_value_that_is_wrong_is_reported_by_its_full_key(self):
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
        assert compose_plain(given)["trainer"][name] == value

    @pytest.mark.parametrize("name", sorted(INSTEAD))
    @pytest.mark.parametrize("sign", ["", "+"])
    def test_what_keyart_sets_itself_is_refused(self, name, sign):
        assert f"trainer.{name}=1: keyart sets this argument" in said([f"{sign}trainer.{name}=1"])

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("trainer.limit_train_batches=abc", "takes int or float or null"),
            ("trainer.accumulate_grad_batches=null", "takes int"),
            ("trainer.detect_anomaly=3", "takes bool"),
            ("+trainer.limit_train_batch=3", "did you mean trainer.limit_train_batches?"),
            ("trainer.fast_run=true", "did you mean trainer.fast_dev_run?"),
            ("trainer.loops=true", "trainer holds accelerator, "),
        ],
    )
    def test_a_wrong_value_or_name_is_refused(self, override, message):
        assert message in said([override])

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
    assert said(["experiment=plain", override]).endswith(hint)


class TestHeads:
    @pytest.mark.parametrize("sign", ["", "+", "++"])
    def test_a_model_s_head_is_the_option_of_the_group(self, sign):
        assert expand_shorthand([f"{sign}model.head=ensemble", "model.heads=8"]) == ["head=ensemble", "model.heads=8"]
        assert expand_shorthand(["-m", f"{sign}model.head=linear,ensemble"][1:]) == ["head=linear,ensemble"]

    def test_every_head_has_a_file_with_its_keys(self):
        assert options_of("head") == sorted(TRAINED)
        for name in TRAINED:
            own = yaml.safe_load((CONFIG_FOLDER / "head" / f"{name}.yaml").read_text())
            assert own.pop("head") == name
            more = {"components", "rotate", "kernel"} if name in PROJECTED else set()
            assert set(own) | {"norm"} == {*parameters_of(name), "norm"} | more

    def test_a_key_of_another_head_is_refused_with_the_head_that_has_it(self):
        assert said(["experiment=plain", "model.heads=8"]).endswith("only head=ensemble, head=metric_maps have it")
        assert said(["model.head=linear", "model.hidden_size=8"]).endswith("only head=ensemble, head=mlp have it")


class TestSums:
    def test_a_loss_is_added_by_its_name(self):
        given = preflight(["loss=sum", "loss.weights.supcon=0.5", "loss.terms.supcon.temperature=0.2"])
        assert given[1] == "+loss@loss.terms.supcon=supcon"
        loss = compose_plain(given)["loss"]
        assert loss["weights"] == {"angular": 1.0, "distillation": 1.0, "supcon": 0.5}
        assert set(loss["terms"]) == set(loss["weights"])
        assert loss["terms"]["supcon"]["build"]["temperature"] == 0.2
        assert expand_shorthand(given) == given

    @pytest.mark.parametrize("name", [name for name in options_of("loss") if name not in ("sum", "pml")])
    def test_every_loss_may_be_a_term(self, name):
        given = preflight(["loss=sum", f"loss.weights.{name}=2"])
        assert compose_plain(given)["loss"]["build"]["weights"][name] == 2

    def test_a_second_term_of_the_same_loss_has_a_name_of_its_own(self):
        given = preflight(
            ["loss=sum", "+loss@loss.terms.wide=angular", "loss.terms.wide.margin=50", "loss.weights.wide=1"]
        )
        assert compose_plain(given)["loss"]["terms"]["wide"]["margin"] == 50

    def test_a_weight_may_be_swept(self):
        given = preflight(["-m", "loss=sum", "loss.weights.supcon=0.1,0.5"])
        assert given == ["-m", "loss=sum", "+loss@loss.terms.supcon=supcon", "++loss.weights.supcon=0.1,0.5"]

    @pytest.mark.parametrize(
        ("overrides", "message"),
        [
            (["loss=sum", "loss.weights.nope=1"], "there is no loss nope; choose one of angular, "),
            (["loss=sum", "loss.terms.supcon.temprature=1"], "did you mean loss.terms.supcon.temperature?"),
            (["loss=sum", "loss.weights.supcon=-1"], "a weight is a number of 0 or more"),
            (["loss.weights.supcon=1"], "there is no key loss.weights.supcon"),
        ],
    )
    def test_what_is_no_loss_or_no_weight_is_refused(self, overrides, message):
        assert message in said(overrides)

    def test_a_run_that_recorded_such_a_term_may_be_resumed(self, tmp_path):
        recorded = ["loss=sum", "+loss@loss.terms.supcon=supcon", "++loss.weights.supcon=0.5"]
        assert check_recorded(recorded, tmp_path, "resume=x") == recorded
        with pytest.raises(InputError, match="conf/loss does not have"):
            check_recorded(["loss=sum", "+loss@loss.terms.supcon=../model/vit"], tmp_path, "resume=x")


@pytest.mark.parametrize(
    "name",
    ["ndcg@10", "map", "map@r", "recall@5", "recall@5/dedup", "precision@10/genre_macro", "precision@10/genre/War"],
)
def test_every_metric_of_the_validation_may_be_the_monitor(name):
    assert preflight([f"monitor=val/{name}"]) == [f"monitor=val/{name}"]


@pytest.mark.parametrize("value", ["val/typo", "val/ndcg@1O", "vall/map", "test/map", "val/", "val/precision@10/genre"])
def test_any_other_monitor_is_refused_without_torch(value):
    assert said([f"monitor={value}"]).startswith(f"monitor={value}: ")


def test_unknown_keys_are_refused_in_every_group():
    for group in {*GROUPS} - {"experiment", "debug", "logger"}:
        assert f"{group}.nosuch" in said([f"{group}.nosuch=1"])
        if group not in ("optimizer", "scheduler"):  # arguments of the user's own class may be added there
            assert f"nothing reads {group}.nosuch" in said([f"+{group}.nosuch=1"])
