"""Batches of posters: a warm pixel cache beside PIL and torchvision, open-metric-learning, and a bare memory copy.

    python benchmarks/loading.py [--posters 2048] [--rounds 5] [--oml PYTHON]

Every loader gives batches of 64 in (3, 256, 176) float in [0, 1], in a random order. Ours gathers rows of the cache and
augments a batch at a time (`augment=medium`); the peers open each JPEG in a DataLoader of 2 workers, and augment by
torchvision's transforms of the same strengths. open-metric-learning is measured in an environment of its own, whose
Python `--oml` names. The bare copy moves as many bytes as the uint8 batches hold from one end of as large a table to
the other, in one piece a batch.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms

IMAGE_SIZE, BATCH, WORKERS = (256, 176), 64, 2
WITH, WITHOUT, COPY = 3.0, 20.0, 0.7


def their_transform(augment: bool) -> transforms.Compose:
    """Return `augment=medium` as transforms of torchvision."""
    steps: list[Any] = [transforms.Resize(IMAGE_SIZE)]
    if augment:
        steps = [
            transforms.RandomResizedCrop(IMAGE_SIZE, scale=(0.75**2, 1), ratio=(176 / 256, 176 / 256)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(4, interpolation=transforms.InterpolationMode.BILINEAR),
            transforms.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.3, hue=10 / 360),
            transforms.RandomGrayscale(0.05),
        ]
    steps.append(transforms.ToTensor())
    return transforms.Compose(steps + [transforms.RandomErasing(0.2, scale=(0.02, 0.15), ratio=(0.5, 2))] * augment)


class Files(Dataset):
    """Dataset of image files, as a straightforward script has it."""

    def __init__(self, paths: list[Path], transform: transforms.Compose) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, at: int) -> torch.Tensor:
        from PIL import Image

        image: torch.Tensor = self.transform(Image.open(self.paths[at]).convert("RGB"))
        return image


def oml_dataset(paths: list[Path], augment: bool) -> Any:
    """open-metric-learning's dataset, with the same transforms."""
    import pandas as pd
    from oml.datasets.images import ImageLabeledDataset

    frame = pd.DataFrame({"path": [str(path) for path in paths], "label": 0, "split": "train"})
    return ImageLabeledDataset(frame, transform=their_transform(augment))


def through(batches: Iterable[Any]) -> None:
    """Iterate over all batches."""
    for _ in batches:
        pass


def loader(dataset: Any, count: int) -> DataLoader:
    """Yield ``count`` random batches from workers that start and end with the iteration."""
    sampler = RandomSampler(dataset, replacement=True, num_samples=count * BATCH)
    return DataLoader(dataset, batch_size=BATCH, sampler=sampler, num_workers=WORKERS)


def per_image(batches: Iterable[Any], count: int) -> tuple[float, float]:
    """Return milliseconds and CPU milliseconds per image."""
    waited, worked = measure.cost(lambda: through(batches))
    return waited * 1e3 / (count * BATCH), worked * 1e3 / (count * BATCH)


def posters(count: int) -> list[Path]:
    """Return the files of the first posters."""
    return sorted((measure.need_posters() / "posters").iterdir())[:count]


def oml_worker(count: int, batches: int) -> None:
    """Print the time of open-metric-learning per image, without and with augmentation, as JSON."""
    torch.set_num_threads(1)
    sets = [oml_dataset(posters(count), augment) for augment in (False, True)]
    print(json.dumps([per_image(loader(dataset, batches), batches) for dataset in sets]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posters", type=int, default=2048)
    parser.add_argument("--batches", type=int, default=24, help="of a slow loader in each round; ours gives more")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--oml", help="the Python of an environment that has open-metric-learning")
    parser.add_argument("--oml-worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.oml_worker:
        oml_worker(arguments.posters, arguments.batches)
        return
    from keyart.images.augment import Augment
    from keyart.images.pixel_cache import open_pixels

    paths = posters(arguments.posters)
    pixels, good, _ = open_pixels(paths, IMAGE_SIZE)
    paths = [paths[i] for i in good]
    keys = torch.arange(len(pixels))
    augment, everything = Augment.preset("medium"), pixels.take(np.arange(len(pixels))).numpy()
    target = np.empty_like(everything[:BATCH])
    generator = np.random.default_rng(0)

    def drawn(count: int) -> Iterator[np.ndarray]:
        return (generator.integers(len(pixels), size=BATCH) for _ in range(count))

    def copies(count: int) -> Iterator[None]:
        starts = (at * BATCH % (len(everything) - BATCH + 1) for at in range(count))
        return (np.copyto(target, everything[start : start + BATCH]) for start in starts)

    ours: dict[str, Callable[[int], Iterator[Any]]] = {
        "as they are, uint8": lambda count: (pixels.take(at) for at in drawn(count)),
        "bare copy": copies,
        "as they are": lambda count: (Augment.to_float(pixels.take(at)) for at in drawn(count)),
        "augmented": lambda count: (augment(pixels.take(at), keys[at], 0, 1) for at in drawn(count)),
    }
    theirs = {"as they are": Files(paths, their_transform(False)), "augmented": Files(paths, their_transform(True))}
    taken: dict[str, list[tuple[float, float]]] = {}
    for at in range(arguments.rounds + 1):
        found: dict[str, tuple[float, float]] = {}
        for name, make in list(ours.items())[:: -1 if at % 2 else 1]:
            count = arguments.batches * (4 if name == "augmented" else 20)
            found[f"ours {name}"] = per_image(make(count), count)
            if name in theirs:
                found[f"theirs {name}"] = per_image(loader(theirs[name], arguments.batches), arguments.batches)
        if arguments.oml:
            command = [__file__, "--oml-worker", "--posters", str(len(paths)), "--batches", str(arguments.batches)]
            for name, both in zip(theirs, measure.fresh(command, arguments.oml), strict=True):
                found[f"oml {name}"] = both
        if at:  # the first round warms up
            for name, both in found.items():
                taken.setdefault(name, []).append(both)

    def row(label: str, name: str, beside: str = "", goal: float = 0) -> list[str]:
        waited, worked = (statistics.median(column) for column in zip(*taken[name], strict=True))
        cells = [label, f"{1e3 / waited:,.0f}", f"{worked:.3f}"]
        if not beside:
            return [*cells, "", ""]
        by = [measure.ratio(*([one[i] for one in taken[which]] for which in (name, f"ours {beside}"))) for i in (0, 1)]
        return [*cells, measure.beside_goal(by[0], goal), f"{by[1]:.2f}"]

    rows = [
        row("keyart, augmented", "ours augmented"),
        row("PIL + torchvision, augmented", "theirs augmented", "augmented", WITH),
        row("keyart, as they are, float", "ours as they are"),
        row("PIL + torchvision, as they are", "theirs as they are", "as they are", WITHOUT),
        row("keyart, as they are, uint8", "ours as they are, uint8"),
        row("bare memory copy of these", "ours bare copy", "as they are, uint8", COPY),
    ]
    if arguments.oml:
        rows.insert(2, row("open-metric-learning, augmented", "oml augmented", "augmented", WITH))
        rows.insert(5, row("open-metric-learning, as they are", "oml as they are", "as they are", WITHOUT))
    title = f"Batches of {BATCH} from {len(paths):,} posters, warm cache: {measure.machine()}"
    measure.table(title, ["", "images/s", "CPU ms an image", "ours beside it", "by CPU time"], rows)
    if not arguments.oml:
        print("open-metric-learning was not measured: name the Python of an environment that has it with --oml")


if __name__ == "__main__":
    main()
