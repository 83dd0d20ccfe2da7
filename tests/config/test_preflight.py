"""Tests of preflight: one line reports invalid input before anything runs; valid input passes unchanged."""

import pytest

from keyart.config import preflight
from keyart.config.preflight import expand
from keyart.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["loss.margin=400"], ["loss.margin=400", "degrees", "80"]),
        (["loss=triplet", "loss.margin=45"], ["loss.margin=45", "distance", "2"]),
        (["loss.margin=abc"], ["loss.margin=abc", "degrees"]),
        (["loss=bce", "loss.margin=3"], ["loss.margin=3", "bce"]),
        (["model=nosuch"], ["model=nosuch", "convnext", "model.backbone"]),
        (["model=convnex"], ["did you mean convnext?"]),
        (["experiment=nosuch"], ["experiment=nosuch", "head"]),
        (["loss.margn=3"], ["loss.margn=3", "did you mean loss.margin?"]),
        (["nosuch=1"], ["nosuch=1"]),
        (["experiment=plain", "sampler.m=200"], ["sampler.m=200", "sampler.batch_size=128"]),
        (["data=posters"], ["data.catalogue"]),
        (["data=posters", "data.catalogue=/nowhere/x.csv"], ["data.catalogue=/nowhere/x.csv", "no such file"]),
        (["data.catalogue=own.csv"], ["data.catalogue=own.csv", "data=posters"]),
        (["experiment=head", "data.images=own"], ["data.images=own", "data=posters"]),
        (["data.split.val=0"], ["data.split.val=0"]),
        (["data.split.val=0.5", "data.split.test=0.5"], ["leave no posters"]),
        (["data.image_size=[2,3]"], ["data.image_size=[2,3]"]),
        (["loss.margin=36,40"], ["loss.margin=36,40", "-m"]),
        (["-m", "loss.margin=36,400"], ["loss.margin=400"]),
        (["--multirun", "loss=angular,triplet", "loss.margin=45"], ["loss.margin=45", "triplet"]),
        (["resume=/nowhere"], ["resume=/nowhere"]),
        (["training.head_epochs=0"], ["training.finetune_epochs=0"]),
        (["monitor=test/ndcg@10"], ["monitor=test/ndcg@10", "val/"]),
        (["seed=x"], ["seed=x"]),
        (["+samplr.m=3"], ["+samplr.m=3", "sampler.m"]),
        (["+seeed=3"], ["+seeed=3", "seed"]),
        (["trainer.max_time=foo"], ["trainer.max_time=foo", "00:01:30:00"]),
        (["trainer=cpu", "trainer.devices=9999"], ["trainer.devices=9999", "cores"]),
        (["name=../x"], ["name=../x", "outputs"]),
        (["--nosuch"], ["--nosuch"]),
        (["model.backbone=[resnet18,resnet18]"], ["model.backbone=[resnet18,resnet18]", "different names"]),
        (["model.backbone=[]"], ["model.backbone=[]", "a list of different names"]),
        (["model.backbone=[resnet18,vit]", "model.weights=a.pt"], ["model.weights=a.pt", "2 models"]),
        (["experiment=plain", "model.flip_average=true"], ["model.flip_average=true", "model.pooling=multiscale"]),
        (
            ["experiment=plain", "model.multiscale_size=[64,64]"],
            ["model.multiscale_size=[64,64]", "model.pooling=multiscale"],
        ),
        (
            ["-m", "model.head=ensemble,mlp", "++model.kernel.weight=3"],
            ["model.kernel.weight=3", "model.head=ensemble"],
        ),
        (["training.teacher=/nowhere"], ["training.teacher=/nowhere", "no such folder"]),
        (["experiment=distill"], ["training.teacher=outputs/best", "no such folder"]),
        (["word"], ["word"]),
        (["loss.margin=${nosuch}"], ["nosuch"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_bad_input_is_one_line_that_names_key_value_and_fix(arguments, named):
    with pytest.raises(InputError) as caught:
        preflight(arguments)
    assert "\n" not in str(caught.value)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [[], ["experiment=head"], ["model=convnext", "loss.margin=45"], ["-m", "loss.margin=36,40", "model=vit,resnet18"]],
    ids=" ".join,
)
def test_good_input_passes_unchanged(arguments):
    assert preflight(arguments) == arguments


def test_help_is_left_to_hydra():
    assert preflight(["--help", "nosuch=1"]) == ["--help", "nosuch=1"]


def test_a_grid_is_expanded_in_the_sweepers_order():
    assert expand(["loss.margin=36,40", "seed=1", "model=a,b"]) == [
        ["loss.margin=36", "seed=1", "model=a"],
        ["loss.margin=36", "seed=1", "model=b"],
        ["loss.margin=40", "seed=1", "model=a"],
        ["loss.margin=40", "seed=1", "model=b"],
    ]
    assert expand(["seed=range(0,3)"]) == [["seed=0"], ["seed=1"], ["seed=2"]]


def test_resume_takes_the_runs_own_overrides(tmp_path):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("- loss.margin=40\n- seed=3\n")
    arguments = preflight([f"resume={tmp_path}", "trainer=cpu"])
    assert arguments[:3] == ["loss.margin=40", "seed=3", "trainer=cpu"]
    assert f"hydra.run.dir='{tmp_path}'" in arguments


@pytest.fixture
def run(tmp_path):
    """Create the folder of a run that a search trained."""
    for part in (".hydra", "checkpoints"):
        (tmp_path / part).mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("[experiment=margin_sweep, seed=1]")
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    return tmp_path


def test_a_searchs_run_is_resumed_alone_and_begins_no_search(run):
    assert preflight([f"resume={run}"]) == [
        "experiment=margin_sweep",
        "seed=1",
        f"resume='{run}'",
        f"hydra.run.dir='{run}'",
        "hydra.mode=RUN",
    ]


@pytest.mark.parametrize("more", [[], ["seed=0,1"]])
def test_resume_with_m_is_refused_rather_than_trained_anew(more, run):
    with pytest.raises(InputError, match="leave -m out, or continue a sweep with resume_sweep="):
        preflight(["-m", f"resume={run}", *more])


@pytest.mark.parametrize("key", ["resume", "+resume", "++resume"])
def test_resume_means_the_folder_however_it_is_written(key, run):
    assert f"resume='{run}'" in preflight([f"{key}={run}"])
