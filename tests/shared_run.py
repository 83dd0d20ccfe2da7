"""A run over a few drawn posters, and the console command in this process."""

import numpy as np
import pytest
import torch

from keyart.catalogue.reader import read_catalogue
from keyart.images.posters import load_posters
from keyart.models.backbone import Backbone
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder, embed
from keyart.models.heads.build import build_head
from keyart.retrieval.index import PosterIndex
from tests.helpers import draw_posters
from tests.indexes import save_run

SIZE = (96, 64)


def new_embedder(seed):
    torch.manual_seed(seed)
    backbone: Backbone = create_backbone("resnet10t", "none", image_size=SIZE)
    return Embedder(backbone, build_head("linear", backbone.groups, 8)).eval()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A run over 24 drawn posters, two of them the same picture, and another run over the same ones."""
    folder = tmp_path_factory.mktemp("search")
    posters = draw_posters(folder / "made")
    (posters / "posters" / "p0007.jpg").write_bytes((posters / "posters" / "p0003.jpg").read_bytes())
    catalogue, problems = read_catalogue(posters / "catalogue.csv", posters / "posters")
    loaded = load_posters(catalogue, problems, image_size=SIZE)
    embedders = [new_embedder(seed) for seed in (0, 1)]
    runs = []
    for name, embedder in zip(("run", "other"), embedders, strict=True):
        run = save_run(folder / name, embedder, posters / "catalogue.csv", posters / "posters", SIZE)
        vectors = embed(embedder, loaded.pixels, precision="fp32").numpy()
        PosterIndex.build(vectors, loaded.catalogue, np.array(["train"] * 24)).save(run / "index")
        runs.append((run, vectors))
    return folder, posters, runs
