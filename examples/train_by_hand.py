"""Train an embedder without Hydra: `python examples/train_by_hand.py posters.csv posters out`.

No posters at hand? `python -c "from keyart.catalogue.demo import demo_catalogue; print(demo_catalogue())"` draws 1,200
and prints their folder, with `catalogue.csv` and `posters/`. On two CPU cores they take about three minutes, most of it
for the features of the frozen backbone; these are cached, so that the next run takes seconds.
"""

import sys

import lightning

import keyart
from keyart.catalogue import Relevance, make_splits, read_catalogue
from keyart.images import PosterDataModule, load_posters
from keyart.images.samplers import MPerClassSampler
from keyart.models import Embedder, build_head, cached_features, create_backbone, fit_head
from keyart.training import EmbeddingModule, RetrievalEvaluation
from keyart.utils.progress import progress_bar


def train(table: str, images: str, out: str, epochs: int = 10, size: tuple[int, int] = (256, 176)) -> dict[str, float]:
    """Train a head on frozen features, save the embedder in ``out``, and return its test metrics."""
    with progress_bar("decoding posters") as report:
        posters = load_posters(*read_catalogue(table, images), image_size=size, progress=report)
    catalogue = posters.catalogue
    splits = make_splits(catalogue, val=0.1, test=0.2, seed=0, groups=posters.groups)
    backbone = create_backbone("tf_efficientnet_lite0", image_size=size)
    print(
        f"features of {len(posters):,} posters: minutes on a CPU the first time, then from the cache", file=sys.stderr
    )
    with progress_bar("features") as report:
        features = cached_features(backbone, posters.pixels, progress=report)
    embedder = Embedder(backbone, build_head("mlp", backbone.groups, 128))
    inputs = fit_head(embedder, features, splits == "train", catalogue.genres)
    sampler = MPerClassSampler(catalogue.genres[splits == "train"], batch_size=64, m=4)
    data = PosterDataModule(posters, splits, sampler, features=inputs, features_are="transformed", head_epochs=epochs)
    relevance = Relevance("jaccard")
    module = EmbeddingModule(embedder, keyart.losses.AngularLoss(45), relevance, head_epochs=epochs)
    evaluation = RetrievalEvaluation(
        catalogue.genres, catalogue.ids, relevance=relevance, genre_names=catalogue.genre_names
    )
    trainer = lightning.Trainer(max_epochs=epochs, callbacks=[evaluation], logger=False, enable_checkpointing=False)
    trainer.fit(module, datamodule=data)
    embedder.save(out)
    return dict(trainer.test(module, datamodule=data, verbose=False)[0])


if __name__ == "__main__":
    for name, value in train(*sys.argv[1:4]).items():
        print(f"{name} {value:.4f}")
