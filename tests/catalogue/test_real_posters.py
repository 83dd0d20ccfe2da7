"""Real posters: their three tables, and splits of them."""

import numpy as np
import pytest

from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.relevance import KINDS, Relevance, check_learnable
from keyart.catalogue.splits import make_splits

pytestmark = pytest.mark.posters


@pytest.fixture(scope="module")
def real(posters_dir):
    catalogue, problems = read_catalogue(posters_dir / "catalogue.csv", posters_dir / "posters")
    assert problems == []
    return catalogue


def test_the_table_says_what_its_description_says(real):
    assert len(real) == 5697
    assert len(real.genre_names) == 23
    assert np.bincount(real.genres.sum(axis=1)).tolist() == [0, 1044, 1757, 2896]
    counts = dict(zip(real.genre_names, real.genres.sum(axis=0).tolist(), strict=True))
    assert (counts["Drama"], counts["Comedy"], counts["Short"], counts["News"]) == (2839, 2281, 36, 16)
    assert len(np.unique(real.genres, axis=0)) == 434
    assert (real.titles == "").sum() == 472
    assert np.isnan(real.years).sum() == 474
    assert (np.nanmin(real.years), np.nanmax(real.years)) == (1983, 2015)
    assert real.ids[0] == real.films[0] == "tt0084058"


@pytest.mark.parametrize("name", ["genres.csv", "onehot.csv"])
def test_the_three_tables_give_the_same_genres(real, posters_dir, name):
    other, problems = read_catalogue(posters_dir / name, posters_dir / "posters")
    assert problems == []
    assert other.genre_names == real.genre_names
    assert (other.genres == real.genres).all()
    assert (other.ids == real.ids).all()
    assert other.fingerprint() == real.fingerprint()


@pytest.mark.parametrize("seed", range(5))
def test_splits_keep_sizes_and_genres(real, seed):
    split = make_splits(real, seed=seed)
    for name, want in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        part = split == name
        assert abs(part.mean() - want) < 0.003
        held, whole = real.genres[part].sum(axis=0), real.genres.sum(axis=0)
        assert abs(held - want * whole).max() <= 5  # of up to 2,839
        assert abs(held / part.sum() - whole / len(real)).max() < 0.006
        assert (held > 0).all()


def test_two_posters_share_a_genre_as_often_as_described(real):
    rng = np.random.default_rng(0)
    a, b = rng.choice(5697, 3000, replace=False).reshape(2, 1500)
    gain = {kind: Relevance.fit(kind, real.genres)(*map(_tensor, (real.genres[a], real.genres[b]))) for kind in KINDS}
    assert gain["any"].mean().item() == pytest.approx(0.484, abs=0.02)
    assert gain["exact"].mean().item() == pytest.approx(0.020, abs=0.004)
    for kind in KINDS:
        check_learnable(real.genres, Relevance.fit(kind, real.genres))


def _tensor(genres):
    import torch

    return torch.from_numpy(genres)
