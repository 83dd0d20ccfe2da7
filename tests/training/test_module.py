"""Training: two phases, one step count, and resumed runs that equal uninterrupted ones."""

import math

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from keyart.errors import InputError
from keyart.losses.angular import AngularLoss
from keyart.losses.base import MetricLoss, compute_relations
from keyart.losses.bce import BCELoss
from keyart.losses.distillation import DistillationLoss
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder
from keyart.models.heads.mlp import MLPHead
from keyart.training.module import EmbeddingModule, step_seed
from keyart.training.schedule import warmup_cosine
from tests.fakes import FakePixels, jaccard, multi_hot

SIZE = (32, 32)
POSTERS, BATCH, STEPS = 24, 8, 3


class Loader:
    """Loader of epochs of features, then of pixels; it can resume in the middle of an epoch."""

    def __init__(self, features, images, genres, head_epochs: int) -> None:
        self.features, self.images, self.genres, self.head_epochs = features, images, genres, head_epochs
        self.epoch = self.done = 0

    @property
    def sampler(self):
        return self

    def set_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            self.epoch, self.done = epoch, 0

    def __len__(self) -> int:
        return STEPS

    def __iter__(self):
        while self.done < STEPS:
            order = torch.randperm(POSTERS, generator=torch.Generator().manual_seed(self.epoch))
            index = order[self.done * BATCH : (self.done + 1) * BATCH]
            self.done += 1
            rows = {"features": self.features} if self.epoch < self.head_epochs else {"pixels": self.images}
            rows["frozen"] = self.features
            yield {"index": index, "genres": self.genres[index], **{k: v[index] for k, v in rows.items()}}

    def state_dict(self):
        return {"epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state) -> None:
        self.epoch, self.done = state["epoch"], state["done"]


class Recorder(Callback):
    """Callback that records learning rates and losses of every step and can simulate a crash."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.rates: list[dict[str, list[float]]] = []
        self.losses: list[float] = []
        self.phases: list[str] = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        rates: dict[str, list[float]] = {}
        for group in optimizer.param_groups:
            rates.setdefault(group["role"], []).append(group["lr"])
        self.rates.append(rates)
        self.phases.append(pl_module.phase)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.losses.append(float(outputs["loss"]))
        if trainer.global_step == self.stop_after:
            raise KeyError("killed")


def make(loss: MetricLoss | None = None, head_epochs: int = 2, finetune_epochs: int = 2, **kwargs):
    torch.manual_seed(0)
    backbone = create_backbone("test_resnet", "none", "avg", SIZE)
    images = FakePixels(POSTERS, SIZE).take(range(POSTERS)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        features = backbone(images)
    head = MLPHead(backbone.feature_dim, 8, 16, dropout=0.3)
    head.fit(features)
    loss = loss or AngularLoss()
    loss.build(8, torch.full((5,), 5.0), POSTERS)
    module = EmbeddingModule(
        Embedder(backbone, head),
        loss,
        jaccard,
        head_epochs=head_epochs,
        finetune_epochs=finetune_epochs,
        **{"precision": "fp32", "backbone_lr": 1e-3, **kwargs},
    )
    return module, Loader(features, images, multi_hot(POSTERS, seed=2), head_epochs)


def fit(module, loader, *callbacks, folder=None, resume=None, **kwargs):
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=module.schedule.head_epochs + module.schedule.finetune_epochs,
        logger=False,
        callbacks=list(callbacks),
        default_root_dir=folder,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **{"gradient_clip_val": 1.0, **kwargs},
    )
    trainer.fit(module, train_dataloaders=loader, ckpt_path=resume)
    return trainer


@pytest.fixture(scope="module")
def undisturbed():
    module, loader = make()
    recorder = Recorder()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    fit(module, loader, recorder)
    return module, recorder, before


def test_two_phases_share_one_schedule_and_one_step_count(undisturbed):
    module, recorder, _ = undisturbed
    assert recorder.phases == ["head"] * 6 + ["finetune"] * 6
    factors = [warmup_cosine(step, 6, 0.1) for step in range(6)] * 2
    for step, (rates, factor) in enumerate(zip(recorder.rates, factors, strict=True)):
        assert rates["head"] == pytest.approx([1e-3 * factor] * 2)
        if step < 6:
            assert set(rates["backbone"]) == {0.0}
        else:
            assert max(rates["backbone"]) == pytest.approx(1e-3 * factor)
            assert len(set(rates["backbone"])) > 3
    assert module.backbone_trained


def test_lower_layers_learn_at_lower_rates():
    module, _ = make(layer_decay=0.5)
    groups = [group for group in module.configure_optimizers().param_groups if group["role"] == "backbone"]
    peak = {id(p): group["peak_lr"] for group in groups for p in group["params"]}
    model = module.embedder.backbone.model
    rates = [peak[id(layer[0].conv1.weight)] for layer in (model.layer1, model.layer2, model.layer3, model.layer4)]
    assert rates == sorted(rates)
    assert rates[3] == pytest.approx(1e-3)
    assert rates[2] / rates[3] == pytest.approx(0.5)
    assert peak[id(model.conv1[0].weight if hasattr(model.conv1, "__getitem__") else model.conv1.weight)] < rates[0]


def test_every_parameter_is_in_the_optimizer_once_and_vectors_do_not_decay():
    loss = BCELoss()
    module, _ = make(loss)
    groups = module.configure_optimizers().param_groups
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in module.parameters())
    assert {group["role"] for group in groups} == {"head", "loss", "backbone"}
    for group in groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_without_fine_tuning_the_backbone_is_left_alone():
    module, loader = make(finetune_epochs=0)
    before = {key: value.clone() for key, value in module.embedder.state_dict().items()}
    fit(module, loader)
    assert not any(p.requires_grad for p in module.embedder.backbone.parameters())
    assert all(group["role"] == "head" for group in module.configure_optimizers().param_groups)
    changed = {key for key, value in module.embedder.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"head.hidden.weight", "head.hidden.bias", "head.project.weight", "head.project.bias"}
    assert not module.backbone_trained


def test_fine_tuning_moves_weights_but_no_batch_norm_statistics(undisturbed):
    module, _, before = undisturbed
    after = module.state_dict()
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert any("backbone.model.layer1" in key for key in moved)
    assert not any("running_" in key or "num_batches" in key for key in moved)
    assert any("running_mean" in key for key in before)


def check_resumed_equals(expected, expected_recorder, folder, stop_after, **kwargs):
    """Check that a training that is killed and resumed has the losses, rates and weights of an undisturbed one."""
    module, loader = make(**kwargs)
    keep = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=1, save_top_k=-1)
    with pytest.raises(KeyError, match="killed"):
        fit(module, loader, keep, Recorder(stop_after), folder=folder)
    last = max(folder.glob("*.ckpt"), key=lambda path: int(path.stem.partition("=")[2].partition("-")[0]))
    step = torch.load(last, weights_only=False)["global_step"]
    assert step in (stop_after - 1, stop_after)

    torch.manual_seed(99)
    again, loader = make(**kwargs)
    after = Recorder()
    trainer = fit(again, loader, after, folder=folder, resume=last)
    assert trainer.global_step == 4 * STEPS
    assert after.losses == expected_recorder.losses[step:]
    assert after.rates == expected_recorder.rates[step:]
    for key, value in expected.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key


@pytest.mark.parametrize("stop_after", [2, 3, 4, 8, 9])
def test_killed_and_resumed_equals_undisturbed(tmp_path, undisturbed, stop_after):
    """Resume in the middle and at the end of an epoch, in either phase, with dropout and clipping."""
    expected, expected_recorder, _ = undisturbed
    check_resumed_equals(expected, expected_recorder, tmp_path, stop_after)


def test_whatever_mode_the_embedder_comes_in_it_is_trained_in_training_mode():
    module, loader = make()
    again = EmbeddingModule(module.embedder.eval(), AngularLoss(), jaccard, head_epochs=1, finetune_epochs=1)
    modes = {}

    class Look(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            modes[pl_module.phase] = {name for name, part in pl_module.named_modules() if not part.training}

    loader.head_epochs = 1
    fit(again, loader, Look())
    norms = {name for name, part in again.named_modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)}
    assert modes["head"] == modes["finetune"]
    assert norms <= modes["finetune"]
    assert "embedder.head.dropout" not in modes["finetune"]
    assert "embedder.backbone.model.layer1" not in modes["finetune"]


def test_the_phase_is_in_the_checkpoint(tmp_path):
    module, loader = make(head_epochs=1, finetune_epochs=1)
    keep = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    fit(module, loader, keep, folder=tmp_path)
    first, second = (torch.load(tmp_path / f"epoch={epoch}.ckpt", weights_only=False) for epoch in (0, 1))
    for number, state in enumerate((first, second)):
        epoch, mean, weight = state["keyart"].pop("epoch_loss")  # which checkpoints of earlier versions do not have
        assert epoch == number
        assert math.isfinite(mean)
        assert weight > 0
    assert first["keyart"] == {"phase": "head", "head_epochs": 1, "finetune_epochs": 1, "backbone_trained": False}
    assert second["keyart"] == {**first["keyart"], "phase": "finetune", "backbone_trained": True}
    module.on_load_checkpoint(first)
    assert not module.backbone_trained
    module.on_load_checkpoint(second)
    assert module.backbone_trained
    first["onesheet"] = first.pop("keyart")  # a checkpoint from before the project was renamed
    module.on_load_checkpoint(first)
    assert not module.backbone_trained


def test_accumulated_gradients_step_less_often():
    module, loader = make(head_epochs=2, finetune_epochs=0)
    recorder = Recorder()
    trainer = fit(module, loader, recorder, accumulate_grad_batches=2)
    assert trainer.global_step == 4
    assert [rates["head"][0] for rates in recorder.rates] == pytest.approx(
        [1e-3 * warmup_cosine(step, 4, 0.1) for step in range(4)]
    )


class CentredContrast(MetricLoss):
    """Custom loss that owns parameters and uses gains and frozen similarities."""

    name = "centred_contrast"
    needs_frozen_features = True

    def build(self, embedding_size, genre_counts, num_train) -> None:
        self.scale = torch.nn.Parameter(torch.ones(1))

    def compute(self, rows, references, relations):
        expected = 0.5 * relations.gain + 0.5 * relations.frozen
        return (self.scale * rows @ references.T - expected).square().mean()


def test_a_new_loss_is_one_class():
    loss = CentredContrast()
    module, loader = make(loss, head_epochs=8, finetune_epochs=0, lr=1e-2)
    recorder = Recorder()
    fit(module, loader, recorder)
    assert recorder.losses[-1] < 0.5 * recorder.losses[0]
    assert loss.scale.item() != 1


@pytest.mark.parametrize("phase", ["features", "pixels"])
def test_distillation_compares_with_the_teachers_similarities_in_both_phases(phase):
    module, loader = make(DistillationLoss(form="mse"), chunk_size=3)
    module.eval()
    module.log = lambda *args, **kwargs: None
    teacher = torch.randn(4, 6)
    rows = loader.features if phase == "features" else loader.images
    batch = {"index": torch.arange(4), "genres": loader.genres[:4], phase: rows[:4], "frozen": teacher}
    embeddings = module.validation_step(batch, 0)["embedding"]
    unit = torch.nn.functional.normalize(teacher, dim=1)
    off = ((embeddings @ embeddings.T - unit @ unit.T) ** 2)[~torch.eye(4, dtype=torch.bool)]
    torch.testing.assert_close(module.training_step(batch, 0), off.mean())


def test_frozen_similarities_are_cosines():
    frozen = torch.randn(4, 3)
    relations = compute_relations(
        torch.eye(4), torch.eye(4), jaccard, torch.arange(4), torch.arange(4), frozen=(frozen, frozen)
    )
    expected = torch.nn.functional.cosine_similarity(frozen[:, None], frozen[None], dim=2)
    torch.testing.assert_close(relations.frozen, expected)


@pytest.mark.parametrize("loss", [AngularLoss, BCELoss])
def test_learning_brings_posters_that_share_genres_together(loss):
    module, loader = make(loss(), head_epochs=40, finetune_epochs=0, lr=1e-2)
    gain = jaccard(loader.genres, loader.genres)

    def separation() -> float:
        with torch.no_grad():
            rows = module.embedder.eval().from_features(loader.features)
        similar = rows @ rows.T
        return float(similar[gain >= 0.5].mean() - similar[gain == 0].mean())

    before = separation()
    fit(module, loader)
    assert separation() > before + 0.3


def test_validation_gives_embeddings_and_positions():
    module, loader = make()
    module.eval()
    batch = {"index": torch.arange(4), "genres": loader.genres[:4], "pixels": loader.images[:4]}
    with torch.no_grad():
        out = module.validation_step(batch, 0)
        torch.testing.assert_close(out["embedding"], module(loader.images[:4]))
        frozen = {"index": torch.arange(4), "genres": loader.genres[:4], "features": loader.features[:4]}
        torch.testing.assert_close(module.validation_step(frozen, 0)["embedding"], out["embedding"], atol=1e-5, rtol=0)
    assert out["index"].tolist() == [0, 1, 2, 3]


def test_steps_seeds_differ_wherever_a_step_does():
    seeds = {step_seed(*at) for at in torch.cartesian_prod(*[torch.arange(4)] * 4).tolist()}
    assert len(seeds) == 256
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("lr", 0), ("backbone_lr", -1), ("layer_decay", 0), ("weight_decay", -1), ("precision", "x")],
)
def test_values_out_of_range_are_refused(argument, value):
    with pytest.raises(InputError, match=argument):
        make(**{argument: value})


def test_the_lowest_layers_can_be_frozen():
    module, _ = make(frozen_share=0.5)
    model = module.embedder.backbone.model
    learns = [parameter.requires_grad for parameter in model.parameters()]
    assert not learns[0]
    assert learns[-1]
    assert sorted(learns) == learns
    chosen = {id(p) for group in module.configure_optimizers().param_groups for p in group["params"]}
    assert all((id(p) in chosen) == p.requires_grad for p in model.parameters())
    every, _ = make(frozen_share=1.0)
    assert any(parameter.requires_grad for parameter in every.embedder.backbone.parameters())
