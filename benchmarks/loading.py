"""Batches of posters: a warm pixel cache beside PIL and torchvision, open-metric-learning, and a bare memory copy.

    python benchmarks/loading.py [--posters 2048] [--rounds 5] [--oml PYTHON]

Every loader gives batches of 64 in (3, 256, 176) float in [0, 1], in a random order. Ours gathers rows of the cache
and augments a batch at a time (`augment=medium`); the peers open each JPEG in a DataLoader of 2 workers (started before
the clock), and augment by torchvision's transforms of the same strengths. open-metric-learning is measured in an
environment of its own, whose Python `--oml` names. The bare copy moves as many bytes as the uint8 batches hold, from
one place in memory to another, in one piece a batch.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

IMAGE_SIZE, BATCH, WORKERS = (256, 176), 64, 2
WITH, WITHOUT, COPY = 3.0, 20.0, 0.7


def their_transform(augment: bool) -> transforms.Compose:
    """`augment=medium` in torchvision's words."""
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
    """Images from files, as one writes it first."""

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


def worked(dataset: Any) -> Iterator[Any]:
    """Endless batches of a DataLoader whose workers stay."""
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)
    while True:
        yield from loader


def timed(batches: Iterator[Any], count: int) -> float:
    """Images a second over ``count`` batches, after as many as the workers hold ready."""
    for _ in range(2 * WORKERS + 1):
        next(batches)
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return count * BATCH / (time.perf_counter() - start)


def settle(rate: float) -> None:
    """Wait until a DataLoader's workers have filled what they hold ready, so that nobody else pays for it."""
    time.sleep(0.2 + 2 * 2 * WORKERS * BATCH / rate)


def posters(count: int) -> list[Path]:
    """Files of the first posters."""
    return sorted((measure.need_posters() / "posters").iterdir())[:count]


def oml_worker(count: int, batches: int) -> None:
    """Images a second of open-metric-learning without and with augmentation, as JSON."""
    torch.set_num_threads(1)
    print(json.dumps([timed(worked(oml_dataset(posters(count), augment)), batches) for augment in (False, True)]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posters", type=int, default=2048)
    parser.add_argument(
        "--batches", type=int, default=8, help="of a slow loader in each round; ours gives ten times as many"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--oml", help="the Python of an environment that has open-metric-learning")
    parser.add_argument("--oml-worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.oml_worker:
        oml_worker(arguments.posters, arguments.batches)
        return
    from onesheet.images import Augment, open_pixels

    paths = posters(arguments.posters)
    pixels, good, _ = open_pixels(paths, IMAGE_SIZE)
    paths = [paths[i] for i in good]
    keys = torch.arange(len(pixels))
    augment, source = Augment.preset("medium"), pixels.take(np.arange(BATCH)).numpy()
    target = np.empty_like(source)
    generator = np.random.default_rng(0)

    def order() -> Iterator[np.ndarray]:
        while True:
            drawn = generator.permutation(len(pixels))
            yield from (drawn[at : at + BATCH] for at in range(0, len(drawn) - BATCH + 1, BATCH))

    def copies() -> Iterator[Any]:
        while True:
            np.copyto(target, source)
            yield target

    ours_by = {
        "uint8": (pixels.take(at) for at in order()),
        "float": (Augment.to_float(pixels.take(at)) for at in order()),
        "augmented": (augment(pixels.take(at), keys[at], 0, 1) for at in order()),
        "copy": copies(),
    }
    theirs = {
        "float": worked(Files(paths, their_transform(False))),
        "augmented": worked(Files(paths, their_transform(True))),
    }
    rates: dict[str, list[float]] = {}

    def note(name: str, rate: float) -> None:
        rates.setdefault(name, []).append(rate)

    for at in range(arguments.rounds):
        for name, batches in list(ours_by.items())[:: -1 if at % 2 else 1]:
            note(f"ours {name}", timed(batches, arguments.batches * (10 if name == "augmented" else 40)))
            if name in theirs:
                rate = timed(theirs[name], arguments.batches)
                note(f"theirs {name}", rate)
                settle(rate)
        if arguments.oml:
            command = [__file__, "--oml-worker", "--posters", str(len(paths)), "--batches", str(arguments.batches)]
            for name, rate in zip(("float", "augmented"), measure.fresh(command, arguments.oml), strict=True):
                note(f"oml {name}", rate)

    def row(label: str, name: str, beside: str = "", goal: float = 0) -> list[str]:
        rate = f"{statistics.median(rates[name]):,.0f}"
        return [label, rate, measure.told(measure.ratio(rates["ours " + beside], rates[name]), goal) if beside else ""]

    rows = [
        row("onesheet, augmented", "ours augmented"),
        row("PIL + torchvision, augmented", "theirs augmented", "augmented", WITH),
        row("onesheet, as they are, float", "ours float"),
        row("PIL + torchvision, as they are", "theirs float", "float", WITHOUT),
        row("onesheet, as they are, uint8", "ours uint8"),
        row("bare memory copy of these", "ours copy", "uint8", COPY),
    ]
    if arguments.oml:
        rows.insert(2, row("open-metric-learning, augmented", "oml augmented", "augmented", WITH))
        rows.insert(5, row("open-metric-learning, as they are", "oml float", "float", WITHOUT))
    title = f"Batches of {BATCH} from {len(paths):,} posters, warm cache: {measure.machine()}"
    measure.table(title, ["", "images/s", "ours beside it"], rows)
    if not arguments.oml:
        print("open-metric-learning was not measured: name the Python of an environment that has it with --oml")


if __name__ == "__main__":
    main()
