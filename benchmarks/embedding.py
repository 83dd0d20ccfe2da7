"""Embedding real posters from their JPEG files on the CPU, beside a plain timm loop.

    python benchmarks/embedding.py [--posters 2000] [--piece 500]

Ours is what `onesheet embed` calls, with the default model: decoded by threads, embedded a few at a time, written to
Parquet parts. The peer is what one writes first: timm's `create_model` in float32, a torchvision transform, a
DataLoader of 2 workers, batches of 64. Both get the same pieces of the posters in turns; loading models and imports are
not counted. Cosines are those of the written vectors with the run's embedder in float32 as it was trained.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import measure
import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from onesheet.catalogue import read_catalogue
from onesheet.embed_job import _decode, embed_catalogue, read_embeddings
from onesheet.embedding.embedder import to_images
from onesheet.run import Run

IMAGE_SIZE, BATCH, WORKERS = (256, 176), 64, 2
GOAL, COSINE = 3.0, 0.999


class Files(Dataset):
    """Images from files, as one writes it first."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        normalise = transforms.Normalize([0.5] * 3, [0.5] * 3)
        self.transform = transforms.Compose([transforms.Resize(IMAGE_SIZE), transforms.ToTensor(), normalise])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, at: int) -> torch.Tensor:
        image: torch.Tensor = self.transform(Image.open(self.paths[at]).convert("RGB"))
        return image


@torch.inference_mode()
def plain_loop(model: torch.nn.Module, paths: list[Path]) -> np.ndarray:
    """Embed by timm alone."""
    loader = DataLoader(Files(paths), batch_size=BATCH, num_workers=WORKERS)
    return torch.cat([torch.nn.functional.normalize(model(images), dim=1) for images in loader]).numpy()


@torch.inference_mode()
def in_float32(run: Run, table: Path, images: Path) -> np.ndarray:
    """Embeddings by the run's embedder as it was trained, in float32, nothing folded."""
    pixels, _ = _decode(read_catalogue(table, images)[0], run.image_size)
    embedder = run.embedder()
    pieces = torch.from_numpy(pixels).split(16)
    return torch.cat([embedder(to_images(piece, torch.device("cpu"))) for piece in pieces]).numpy()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posters", type=int, default=2000)
    parser.add_argument("--piece", type=int, default=500)
    parser.add_argument("--run", type=Path, help="a finished run; else one is trained for a moment")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = Run.open(arguments.run or measure.small_run(folder))
        images = measure.need_posters() / "posters"
        whole = pd.read_csv(measure.some_posters(folder, arguments.posters), dtype=str, keep_default_na=False)
        model = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0).eval()

        def step(which: str, piece: pd.DataFrame, at: int) -> Any:
            table = folder / f"piece-{at}.csv"
            piece.to_csv(table, index=False)
            if which == "ours":
                return embed_catalogue(run, table, images, folder / f"out-{at}")
            return plain_loop(model, [images / name for name in piece["img"]])

        step("ours", whole[:64], -1), step("peer", whole[:64], -1)
        taken: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
        for at, start in enumerate(range(0, len(whole), arguments.piece)):
            piece = whole[start : start + arguments.piece]
            for which in ("ours", "peer")[:: -1 if at % 2 else 1]:
                taken[which].append(measure.cost(lambda w=which, p=piece, a=at: step(w, p, a)))
        waited, worked = ({which: [one[i] for one in times] for which, times in taken.items()} for i in (0, 1))
        rate = {which: arguments.piece / statistics.median(times) for which, times in waited.items()}
        work = {which: 1e3 * statistics.median(times) / arguments.piece for which, times in worked.items()}
        faster = measure.ratio(waited["peer"], waited["ours"])
        lighter = measure.ratio(worked["peer"], worked["ours"])

        own = read_embeddings(run, folder / "out-0").vectors(np.arange(min(arguments.piece, len(whole))))
        exact = in_float32(run, folder / "piece-0.csv", images)
        cosines = (own * exact).sum(1)
    measure.table(
        f"Embedding {arguments.posters:,} posters from JPEG files: {measure.machine()}",
        ["", "images/s (median of pieces)", "CPU ms an image"],
        [
            ["onesheet embed", f"{rate['ours']:.1f}", f"{work['ours']:.1f}"],
            [f"timm, float32, DataLoader of {WORKERS} workers", f"{rate['peer']:.1f}", f"{work['peer']:.1f}"],
            ["times as fast", measure.told(faster, GOAL), f"{lighter:.2f}"],
            ["least cosine with float32", f"{cosines.min():.6f} (goal ≥ {COSINE}), mean {cosines.mean():.6f}", ""],
        ],
    )


if __name__ == "__main__":
    main()
