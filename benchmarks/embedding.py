"""Embedding real posters from their JPEG files on the CPU, beside a plain timm loop.

    python benchmarks/embedding.py [--posters 2000] [--piece 500]

Ours is what `keyart embed` calls, with the default model: decoded by threads, embedded a few at a time, written to
Parquet parts. The peer is a straightforward script: timm's `create_model` in float32, a torchvision transform, a
DataLoader of 2 workers, batches of 64. It runs in processes of its own, where malloc and OpenMP are as the system has
them, and once more in ours, where freed memory is kept as ours keeps it. All get the same pieces of the posters in
turns; loading models and imports are not counted. Cosines are those of the written vectors with the run's embedder in
float32 as it was trained.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import measure
import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

if TYPE_CHECKING:
    from keyart.runs.run import Run

IMAGE_SIZE, BATCH, WORKERS = (256, 176), 64, 2
GOAL, COSINE = 3.0, 0.999


class Files(Dataset):
    """Dataset of image files, as a straightforward script has it."""

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
    """Embed images with timm and torchvision only."""
    loader = DataLoader(Files(paths), batch_size=BATCH, num_workers=WORKERS)
    return torch.cat([torch.nn.functional.normalize(model(images), dim=1) for images in loader]).numpy()


def plain_model() -> torch.nn.Module:
    """Return the default backbone, as timm creates it."""
    model: torch.nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0).eval()
    return model


def peer_worker(table: Path, images: Path) -> None:
    """Print the time of the plain loop for a table's posters, in seconds and CPU seconds, as JSON."""
    model, paths = plain_model(), [images / name for name in pd.read_csv(table, dtype=str)["img"]]
    plain_loop(model, paths[:64])
    print(json.dumps(measure.cost(lambda: plain_loop(model, paths))))


@torch.inference_mode()
def in_float32(run: "Run", table: Path, images: Path) -> np.ndarray:
    """Return embeddings by the run's embedder in float32, without fused batch norms."""
    from keyart.catalogue.reader import read_catalogue
    from keyart.models.embedder import to_images
    from keyart.runs.embed import _decode

    pixels, _ = _decode(read_catalogue(table, images)[0], run.image_size)
    embedder = run.embedder
    pieces = torch.from_numpy(pixels).split(16)
    return torch.cat([embedder(to_images(piece, torch.device("cpu"))) for piece in pieces]).numpy()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posters", type=int, default=2000)
    parser.add_argument("--piece", type=int, default=500)
    parser.add_argument("--run", type=Path, help="a finished run; else one is trained for a moment")
    parser.add_argument("--peer-worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    images = measure.need_posters() / "posters"
    if arguments.peer_worker:
        peer_worker(arguments.peer_worker, images)
        return
    from keyart.retrieval.embedding_folder import read_embeddings
    from keyart.runs.embed import embed_catalogue
    from keyart.runs.run import Run
    from keyart.utils.allocator import keep_freed_memory
    from keyart.utils.checksums import embedder_digest

    keep_freed_memory()  # as `keyart embed` does
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = Run.open(arguments.run or measure.small_run(folder))
        whole = pd.read_csv(measure.some_posters(folder, arguments.posters), dtype=str, keep_default_na=False)
        model = plain_model()

        def step(which: str, piece: pd.DataFrame, at: int) -> tuple[float, float]:
            table = folder / f"piece-{at}.csv"
            piece.to_csv(table, index=False)
            if which == "ours":
                return measure.cost(lambda: embed_catalogue(run, table, images, folder / f"out-{at}"))
            if which == "peer here":
                return measure.cost(lambda: plain_loop(model, [images / name for name in piece["img"]]))
            waited, worked = measure.fresh([__file__, "--peer-worker", table])
            return waited, worked

        names = ("ours", "peer", "peer here")
        step("ours", whole[:64], -1), step("peer here", whole[:64], -1)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for at, start in enumerate(range(0, len(whole), arguments.piece)):
            for which in names[:: -1 if at % 2 else 1]:
                taken[which].append(step(which, whole[start : start + arguments.piece], at))
        waited, worked = ({which: [one[i] for one in times] for which, times in taken.items()} for i in (0, 1))
        rate = {which: arguments.piece / statistics.median(times) for which, times in waited.items()}
        work = {which: 1e3 * statistics.median(times) / arguments.piece for which, times in worked.items()}

        def beside(which: str) -> tuple[float, float]:
            return measure.ratio(waited[which], waited["ours"]), measure.ratio(worked[which], worked["ours"])

        digest = embedder_digest(run.folder / "embedder")
        own = read_embeddings(folder / "out-0", digest, run.folder).vectors(np.arange(min(arguments.piece, len(whole))))
        exact = in_float32(run, folder / "piece-0.csv", images)
        cosines = (own * exact).sum(1)
    rows = [["keyart embed", f"{rate['ours']:.1f}", f"{work['ours']:.1f}", "", ""]]
    for which, goal in (("peer", GOAL), ("peer here", 0)):
        faster, lighter = beside(which)
        label = f"timm, float32, DataLoader of {WORKERS} workers" + ", with freed memory kept" * (which == "peer here")
        summary = measure.beside_goal(faster, goal) if goal else f"{faster:.2f}"
        rows.append([label, f"{rate[which]:.1f}", f"{work[which]:.1f}", summary, f"{lighter:.2f}"])
    measure.table(
        f"Embedding {arguments.posters:,} posters from JPEG files: {measure.machine()}",
        ["", "images/s (median of pieces)", "CPU ms an image", "ours beside it", "by CPU time"],
        rows,
    )
    reached = "reached" if cosines.min() >= COSINE else "missed"
    print(f"\nleast cosine with float32: {cosines.min():.6f} (goal ≥ {COSINE}: {reached}), mean {cosines.mean():.6f}")


if __name__ == "__main__":
    main()
