"""Lightning DataModule for posters: batches of frozen features or augmented pixels."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from keyart.images.augment import Augment
from keyart.images.counter_rng import text_keys
from keyart.images.device_table import DeviceRows, Placement
from keyart.images.label_expansion import expand_labels
from keyart.images.loader import Batch, BatchLoader, EvaluationLoader
from keyart.images.posters import Posters
from keyart.images.samplers.base import Sampler


class PosterDataModule(LightningDataModule):
    """Lightning DataModule: frozen features while only the head is trained, pixels in all other epochs.

    A batch is a dict of ``index`` (B,) int64 positions in the catalogue, ``genres`` (B, G) float32, and either
    ``features`` (B, D) float32 (in the epochs of the head phase) or ``pixels`` (B, 3, H, W) float32 in [0, 1]
    (augmented in training, unchanged elsewhere). With several processes, the batch also contains ``sizes``, a list with
    the number of rows of each process. A training batch also contains ``frozen`` (B, F) float32 if the data module has
    such rows. Loaders yield only positions. The rows are gathered on the device if their table is there, else
    in page-locked memory during the transfer.

    During ``fit``, the epoch decides between features and pixels. Outside of ``fit`` (``trainer.validate``,
    ``trainer.test``), `evaluate_on` decides: ``"pixels"`` by default, which is always correct. Set ``"features"`` only
    if the backbone is still the frozen one.

    Args:
        posters: N posters.
        splits: (N,) strings ``train``, ``val``, ``test``.
        sampler: Draws from the posters of the train split; with ``one_label``, from the rows of `expand_labels`.
        augment: Augmentation in training; ``None`` for none.
        features: (N, D) features of the frozen backbone, on the CPU; required if ``head_epochs`` is above 0.
        features_are: Their name in a batch: ``features``, or ``transformed`` if the head's fixed part is applied.
        frozen: (N, F) vectors whose similarities the loss needs, on the CPU; ``None`` if it needs none.
        head_epochs: Number of epochs of the head phase.
        batch_size_eval: Posters in a batch of validation and test, summed over all processes.
        seed: With the epoch and a poster's id, it determines the poster's augmentation.
        pixels_on_device: ``auto``, ``always`` or ``never``; see `DeviceRows`.
        one_label: Whether to train on each poster once for each of its genres, with only that genre as its label.

    Raises:
        InputError: ``pixels_on_device`` is unknown.
        ValueError: Lengths disagree, or a head phase has no features.
    """

    def __init__(
        self,
        posters: Posters,
        splits: npt.ArrayLike,
        sampler: Sampler,
        *,
        augment: Augment | None = None,
        features: Tensor | None = None,
        features_are: Literal["features", "transformed"] = "features",
        frozen: Tensor | None = None,
        head_epochs: int = 0,
        batch_size_eval: int = 256,
        seed: int = 0,
        pixels_on_device: Placement = "auto",
        one_label: bool = False,
    ) -> None:
        super().__init__()
        self.posters = posters
        self.splits = np.asarray(splits)
        if any(len(rows) != len(posters) for rows in (self.splits, features, frozen) if rows is not None):
            raise ValueError(f"splits, features and frozen must have a row for each of {len(posters)} posters")
        if head_epochs > 0 and features is None:
            raise ValueError(f"{head_epochs} head epochs need features")
        self.sampler = sampler
        self.augment = augment if augment is not None else Augment()
        self.features_are = features_are
        self.head_epochs = head_epochs
        self.one_label = one_label
        self.batch_size_eval = batch_size_eval
        self.seed = seed
        self.evaluate_on: Literal["pixels", "features"] = "pixels"
        self._pixels = DeviceRows.of_pixels(posters.pixels, pixels_on_device)
        self._features = None if features is None else DeviceRows.of_tensor("features", features)
        self._frozen = None if frozen is None else DeviceRows.of_tensor("frozen", frozen)
        self._genres = torch.from_numpy(posters.catalogue.genres.astype(np.float32))
        self._keys = torch.from_numpy(text_keys(posters.catalogue.ids))

    def positions(self, split: str) -> npt.NDArray[np.int64]:
        """Return the positions in the catalogue of a split's posters, in order."""
        return np.flatnonzero(self.splits == split)

    def train_dataloader(self) -> BatchLoader:
        """Return batches of the train split in the sampler's order; the same in each epoch with ``overfit_batches``."""
        positions, labels = self.positions("train"), None
        if self.one_label:
            rows, labels = expand_labels(self.posters.catalogue.genres[positions])
            positions = positions[rows]
        # Lightning cannot turn this loader's shuffling off itself.
        repeat = self.trainer is not None and self.trainer.overfit_batches > 0  # type: ignore[attr-defined]
        return BatchLoader(self.sampler, positions, labels, repeat=repeat, **self._process())

    def val_dataloader(self) -> EvaluationLoader:
        """Return batches of the validation split, in order."""
        return EvaluationLoader(self.positions("val"), self.batch_size_eval, **self._process())

    def test_dataloader(self) -> EvaluationLoader:
        """Return batches of the test split, in order."""
        return EvaluationLoader(self.positions("test"), self.batch_size_eval, **self._process())

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Gather rows in CPU memory if their table is not on the device."""
        tables = {"rows": self._rows(self._requested(batch["epoch"]))}
        if self._frozen is not None and batch["training"]:
            tables["frozen"] = self._frozen
        return batch | {name: table.fetch(batch["index"], self._device()) for name, table in tables.items()}

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Convert positions to the model's input; all operations run on the device."""
        index, requested = batch["index"], self._requested(batch["epoch"])
        rows = batch["rows"] if batch["rows"] is not None else self._rows(requested).gather(index)
        if self._genres.device != index.device:
            self._genres, self._keys = self._genres.to(index.device), self._keys.to(index.device)
            self.augment.to(index.device)
        genres = self._genres.index_select(0, index)
        if "label" in batch:
            genres = torch.zeros_like(genres).scatter_(1, batch["label"][:, None], 1.0)
        created: Batch = {"index": index, "genres": genres}
        if "sizes" in batch:
            created["sizes"] = batch["sizes"]
        if self._frozen is not None and "frozen" in batch:
            given = batch["frozen"]
            created["frozen"] = (given if given is not None else self._frozen.gather(index)).float()
        if requested == "features":
            created[self.features_are] = rows.float()
        elif batch["training"]:
            created["pixels"] = self.augment(rows, self._keys.index_select(0, index), self.seed, batch["epoch"])
        else:
            created["pixels"] = self.augment.to_float(rows)
        return created

    def _requested(self, epoch: int) -> Literal["pixels", "features"]:
        if self.trainer is not None and self.trainer.state.fn != "fit":
            return self.evaluate_on
        return "features" if epoch < self.head_epochs else "pixels"

    def _rows(self, requested: Literal["pixels", "features"]) -> DeviceRows:
        if requested == "pixels":
            return self._pixels
        if self._features is None:
            raise ValueError("evaluate_on='features', but this data module was given no features")
        return self._features

    def _device(self) -> torch.device:
        return self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")

    def _process(self) -> dict[str, Any]:
        if self.trainer is None:
            return {"rank": 0, "world_size": 1}
        return {"rank": self.trainer.global_rank, "world_size": self.trainer.world_size}
