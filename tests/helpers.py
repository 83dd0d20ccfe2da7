"""Generated posters for tests."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

GENRES = ("Action", "Comedy", "Drama", "Horror")


def draw_posters(folder: Path, n: int = 24, size: tuple[int, int] = (96, 144), seed: int = 0) -> Path:
    """Draw ``n`` posters with `catalogue.csv` beside them: each genre is a stripe of its colour, somewhere.

    Background and shapes carry no information, so that a frozen backbone, which sees them all, is easy to exceed.
    """
    rng = np.random.default_rng(seed)
    (folder / "posters").mkdir(parents=True, exist_ok=True)
    rows = ["img,genres,title,year"]
    palette = {"Action": (220, 60, 20), "Comedy": (250, 220, 60), "Drama": (60, 80, 140), "Horror": (20, 20, 20)}
    for i in range(n):
        names = sorted(rng.choice(GENRES, size=rng.integers(1, 3), replace=False))
        image = Image.new("RGB", size, tuple(int(c) for c in rng.integers(0, 256, 3)))
        pen = ImageDraw.Draw(image)
        for _ in range(9):
            x, y = rng.integers(0, size[0] - 24), rng.integers(0, size[1] - 24)
            colour = tuple(int(c) for c in rng.integers(0, 256, 3))
            (pen.ellipse if rng.random() < 0.5 else pen.rectangle)((x, y, x + 24, y + 24), fill=colour)
        for name in names:
            y = int(rng.integers(0, size[1] - 40))
            colour = tuple(int(c) for c in np.clip(np.array(palette[name]) + rng.normal(0, 20, 3), 0, 255))
            pen.rectangle((0, y, size[0], y + 40), fill=colour)
        noise = rng.normal(0, 6, (size[1], size[0], 3))
        Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)).save(
            folder / "posters" / f"p{i:04d}.jpg", quality=90
        )
        rows.append(f'p{i:04d}.jpg,"{",".join(names)}",Film {i},{1980 + i % 40}')
    (folder / "catalogue.csv").write_text("\n".join(rows) + "\n")
    return folder
