"""The data module, alone and with a real trainer."""

import dataclasses
import pickle

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch.nn import functional as F

from keyart.errors import InputError
from keyart.images.augment import Augment
from keyart.images.counter_rng import text_keys
from keyart.images.datamodule import PosterDataModule
from keyart.images.device_table import DeviceRows
from keyart.images.samplers.m_per_class import MPerClassSampler

HEAD_EPOCHS = 2


@pytest.fixture
def splits(posters):
    return np.array((["train"] * 4 + ["val", "test"]) * 4)


@pytest.fixture
def make(posters, splits):
    def build(**changes):
        train = posters.catalogue.genres[splits == "train"]
        arguments = {
            "augment": Augment.preset("medium"),
            "features": torch.arange(24 * 5).reshape(24, 5).float() / 128,
            "head_epochs": HEAD_EPOCHS,
            "batch_size_eval": 3,
            "seed": 9,
        }
        sampler = MPerClassSampler(train, batch_size=6, m=2, seed=9)
        return PosterDataModule(posters, splits, sampler, **(arguments | changes))

    return build


def transferred(data, batch):
    return data.on_after_batch_transfer(data.on_before_batch_transfer(batch, 0), 0)


def test_head_epochs_give_frozen_features(make, posters):
    data = make()
    loader = data.train_dataloader()
    for epoch in range(HEAD_EPOCHS):
        loader.set_epoch(epoch)
        for batch in loader:
            created = transferred(data, batch)
            assert set(created) == {"index", "genres", "features"}
            at = created["index"].numpy()
            assert (data.splits[at] == "train").all()
            np.testing.assert_array_equal(created["features"].numpy()[:, 0], at * 5 / 128)
            np.testing.assert_array_equal(created["genres"].numpy(), posters.catalogue.genres[at])
            assert created["genres"].dtype == created["features"].dtype == torch.float32


def test_later_epochs_give_augmented_pixels(make, posters):
    data = make()
    loader = data.train_dataloader()
    loader.set_epoch(HEAD_EPOCHS)
    for batch in loader:
        created = transferred(data, batch)
        assert set(created) == {"index", "genres", "pixels"}
        at = created["index"]
        keys = torch.from_numpy(text_keys(posters.catalogue.ids[at.numpy()]))
        expected = Augment.preset("medium")(posters.pixels.take(at), keys, 9, HEAD_EPOCHS)
        assert created["pixels"].equal(expected)


def test_frozen_rows_are_in_the_training_batches_of_both_phases(make):
    data = make(frozen=torch.arange(24 * 3).reshape(24, 3).float())
    loader = data.train_dataloader()
    for epoch, rows in ((0, "features"), (HEAD_EPOCHS, "pixels")):
        loader.set_epoch(epoch)
        for batch in loader:
            created = transferred(data, batch)
            assert set(created) == {"index", "genres", "frozen", rows}
            assert created["frozen"][:, 0].equal(3.0 * created["index"])
    assert all("frozen" not in transferred(data, batch) for batch in data.val_dataloader())


def test_augmentation_follows_the_poster_not_its_place(make, posters, splits):
    """The same posters in another order of the catalogue give the same views."""
    order = np.random.default_rng(0).permutation(24)
    moved = dataclasses.replace(posters, catalogue=posters.catalogue.select(order), pixels=posters.pixels.select(order))
    sampler = MPerClassSampler(moved.catalogue.genres, batch_size=6, m=2)
    other = PosterDataModule(moved, np.full(24, "train"), sampler, augment=Augment.preset("strong"), seed=9)
    here = make(augment=Augment.preset("strong"))
    batch = {"epoch": HEAD_EPOCHS, "training": True}
    first = transferred(here, {**batch, "index": torch.from_numpy(order)})
    second = transferred(other, {**batch, "index": torch.arange(24)})
    assert first["pixels"].equal(second["pixels"])


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluation_gives_plain_pixels_in_order(make, posters, splits, split):
    data = make(head_epochs=0, features=None)
    loader = data.val_dataloader() if split == "val" else data.test_dataloader()
    created = [transferred(data, batch) for batch in loader]
    at = torch.cat([m["index"] for m in created]).numpy()
    np.testing.assert_array_equal(at, np.flatnonzero(splits == split))
    expected = torch.from_numpy(np.stack([posters.pixels[i] for i in at])).permute(0, 3, 1, 2) / 255
    assert torch.cat([m["pixels"] for m in created]).equal(expected)


def test_arguments_are_checked(make):
    with pytest.raises(ValueError, match="head epochs need features"):
        make(features=None)
    with pytest.raises(ValueError, match="a row for each of 24"):
        make(features=torch.zeros(23, 5))
    with pytest.raises(ValueError, match="a row for each of 24"):
        make(frozen=torch.zeros(23, 5))
    with pytest.raises(InputError, match=r"sometimes.*use auto, always, never"):
        make(pixels_on_device="sometimes")


def test_rows_come_alike_from_the_device_and_from_memory(posters):
    """The device `meta` replaces a GPU for the choice of the path; values are compared where that is possible."""
    rows = DeviceRows.of_pixels(posters.pixels, "always")
    at = torch.tensor([3, 0, 3])
    here = rows.fetch(at, torch.device("cpu"))
    assert here.equal(posters.pixels.take(at))
    assert rows.fetch(at, torch.device("meta")) is None
    assert rows.gather(at.to("meta")).shape == (3, 48, 32, 3)
    kept = DeviceRows.of_tensor("features", torch.eye(4), "never")
    assert kept.fetch(at, torch.device("meta")).equal(torch.eye(4)[at])


def test_survives_pickling(make):
    """Pickling is necessary to send the data module to spawned processes."""
    data = make()
    again = pickle.loads(pickle.dumps(data))
    for epoch in (0, HEAD_EPOCHS):
        batch = {"index": torch.tensor([4, 7]), "epoch": epoch, "training": True}
        for name, value in transferred(data, batch).items():
            assert transferred(again, batch)[name].equal(value)


class Recorder(LightningModule):
    """Model that is small enough for exact comparison and records its inputs."""

    def __init__(self):
        super().__init__()
        self.on_features = torch.nn.Linear(5, 4)
        self.on_pixels = torch.nn.Linear(3, 4)
        self.seen: list[tuple[int, str, list[int]]] = []
        self.evaluated: list[tuple[str, str, list[int]]] = []

    def scores(self, batch):
        if "features" in batch:
            return self.on_features(batch["features"])
        return self.on_pixels(batch["pixels"].mean((2, 3)))

    def training_step(self, batch, batch_idx):
        kind = "features" if "features" in batch else "pixels"
        self.seen.append((self.current_epoch, kind, batch["index"].tolist()))
        return F.binary_cross_entropy_with_logits(self.scores(batch), batch["genres"])

    def evaluate(self, stage, batch):
        self.evaluated.append((stage, "features" if "features" in batch else "pixels", batch["index"].tolist()))
        self.log(f"{stage}/loss", F.binary_cross_entropy_with_logits(self.scores(batch), batch["genres"]))

    def validation_step(self, batch, batch_idx):
        self.evaluate("val", batch)

    def test_step(self, batch, batch_idx):
        self.evaluate("test", batch)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.05)


class Dies(Callback):
    """Callback that stops the process after a number of training steps and a checkpoint, like a kill."""

    def __init__(self, after):
        self.after = after

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == self.after:
            raise KeyboardInterrupt


def trainer(folder, *callbacks, max_epochs=4):
    return Trainer(
        max_epochs=max_epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        callbacks=list(callbacks),
    )


def fit(folder, make, *callbacks, resume=None):
    torch.manual_seed(0)
    model, data = Recorder(), make()
    runner = trainer(folder, *callbacks)
    runner.fit(model, datamodule=data, ckpt_path=resume, weights_only=False if resume else None)
    return model, data, runner


@pytest.fixture
def undisturbed(tmp_path, make):
    return fit(tmp_path / "whole", make, ModelCheckpoint(tmp_path / "whole", save_top_k=0))


def test_a_fit_sees_both_phases_and_every_batch(undisturbed, make, splits):
    model, data, runner = undisturbed
    expected = []
    loader = make().train_dataloader()
    for epoch in range(4):
        loader.set_epoch(epoch)
        expected += [(epoch, "features" if epoch < HEAD_EPOCHS else "pixels", b["index"].tolist()) for b in loader]
    assert model.seen == expected
    val = [("val", "features" if epoch < HEAD_EPOCHS else "pixels") for epoch in range(4) for _ in range(2)]
    assert [evaluated[:2] for evaluated in model.evaluated] == val
    assert [i for evaluated in model.evaluated[:2] for i in evaluated[2]] == np.flatnonzero(splits == "val").tolist()

    model.evaluated.clear()
    runner.test(model, datamodule=data, verbose=False)
    assert {evaluated[:2] for evaluated in model.evaluated} == {("test", "pixels")}
    model.evaluated.clear()
    data.evaluate_on = "features"
    runner.test(model, datamodule=data, verbose=False)
    assert {evaluated[:2] for evaluated in model.evaluated} == {("test", "features")}
    assert [i for evaluated in model.evaluated for i in evaluated[2]] == np.flatnonzero(splits == "test").tolist()


# 3 batches per epoch: the middle of an epoch of each phase, after its last batch, and after the very first batch.
@pytest.mark.parametrize("step", [1, 2, 3, 5, 6, 7, 11])
@pytest.mark.filterwarnings("ignore:.*resuming from a checkpoint.*:UserWarning")
def test_kill_and_resume_equals_an_undisturbed_run(step, undisturbed, make, tmp_path):
    folder = tmp_path / "killed"
    keep = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=1, save_top_k=-1)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(folder, make, keep, Dies(step))
    again, _, _ = fit(folder, make, ModelCheckpoint(folder / "new", save_top_k=0), resume=folder / f"step={step}.ckpt")
    whole = undisturbed[0]
    assert again.seen == whole.seen[step:]
    for mine, other in zip(again.parameters(), whole.parameters(), strict=True):
        assert mine.equal(other)


@pytest.mark.parametrize("at_train_end", [False, True])
def test_resume_from_the_end_of_an_epoch(at_train_end, undisturbed, make, tmp_path):
    folder = tmp_path / "killed"
    keep = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=at_train_end)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(folder, make, keep, Dies(8))
    again, _, _ = fit(folder, make, ModelCheckpoint(folder / "new", save_top_k=0), resume=folder / "epoch=1.ckpt")
    whole = undisturbed[0]
    assert again.seen == whole.seen[6:]
    for mine, other in zip(again.parameters(), whole.parameters(), strict=True):
        assert mine.equal(other)


@pytest.mark.gpu
@pytest.mark.parametrize("residence", ["auto", "always", "never"])
def test_batches_on_a_gpu_are_those_of_the_cpu(make, residence):
    data = make(pixels_on_device=residence)
    device = torch.device("cuda")
    data._device = lambda: device
    here = make()
    for epoch in (0, HEAD_EPOCHS):
        loader = data.train_dataloader()
        loader.set_epoch(epoch)
        for batch in loader:
            sent = data.on_before_batch_transfer(batch, 0)
            sent = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in sent.items()}
            created, expected = data.on_after_batch_transfer(sent, 0), transferred(here, batch)
            for name, value in expected.items():
                assert torch.allclose(created[name].cpu().float(), value.float(), atol=2e-3)
