"""Tests of a dataset card's label statistics: counts, pairs and suspects."""

import itertools

import numpy as np
import pytest

from keyart.catalogue.reader import read_catalogue
from keyart.reports.card.label_suspects import SuspectFinder
from keyart.reports.card.labels import disagreeing, random_pairs, summarise_labels


@pytest.fixture
def catalogue(poster_folder):
    return read_catalogue(poster_folder / "catalogue.csv", poster_folder / "posters")[0]


def test_random_pairs_are_those_of_all_pairs():
    genres = np.random.default_rng(0).random((30, 4)) < 0.4
    genres[:, 0] |= ~genres.any(1)
    shares, same, positive, jaccard = [], [], [], []
    for a, b in itertools.permutations(genres, 2):
        gain = (a & b).sum() / (a | b).sum()
        shares.append(gain > 0)
        same.append(gain == 1)
        positive.append(gain >= 0.5)
        jaccard.append(gain)
    found = random_pairs(genres)
    assert found["share_a_genre"] == pytest.approx(np.mean(shares))
    assert found["same_set"] == pytest.approx(np.mean(same))
    assert found["positive"] == pytest.approx(np.mean(positive))
    assert found["mean_jaccard"] == pytest.approx(np.mean(jaccard))


def test_counts_sets_and_imbalance(catalogue):
    summary = summarise_labels(catalogue)
    counts = catalogue.genres.sum(0)
    assert summary["genres"] == {catalogue.genre_names[g]: counts[g] for g in np.argsort(-counts, kind="stable")}
    assert sum(one["posters"] for one in summary["genre_sets"]["commonest"]) == len(catalogue)
    assert summary["genre_sets"]["distinct"] == len({tuple(row) for row in catalogue.genres.tolist()})
    assert summary["imbalance"]["largest"] == counts.max() / counts.min()
    names, both = summary["co_occurrence"]["genres"], np.array(summary["co_occurrence"]["posters"])
    own = [catalogue.genre_names.index(name) for name in names]
    assert both.tolist() == [[int((catalogue.genres[:, a] & catalogue.genres[:, b]).sum()) for b in own] for a in own]


def test_duplicates_that_disagree_are_reported(catalogue):
    same = np.flatnonzero((catalogue.genres == catalogue.genres[0]).all(1))[:2]
    other = int(np.flatnonzero((catalogue.genres != catalogue.genres[0]).any(1))[0])
    summary = disagreeing(catalogue, [same, np.array([0, other])])
    assert [set(one) for one in summary] == [{catalogue.ids[0], catalogue.ids[other]}]


def look(n=400, noise=0.5, seed=0):
    """Return features in which each of four genres is a direction."""
    rng = np.random.default_rng(seed)
    genres = rng.random((n, 4)) < 0.3
    genres[~genres.any(1), 0] = True
    frame = np.linalg.qr(rng.normal(size=(20, 4)))[0]
    return (genres @ frame.T + noise * rng.normal(size=(n, 20))).astype(np.float32), genres


def test_wrong_labels_are_the_most_suspect():
    features, genres = look()
    wrong = genres.copy()
    swapped = np.arange(0, 400, 20)
    wrong[swapped] = ~genres[swapped]
    found = SuspectFinder(features, np.arange(400)).find(wrong)
    assert np.isin(found.order[:20], swapped).mean() > 0.8
    assert (found.scores[found.order[:-1]] >= found.scores[found.order[1:]]).all()


def test_probabilities_are_calibrated_for_each_genre():
    features, genres = look(n=2000)
    p = SuspectFinder(features, np.arange(2000)).probabilities(genres)
    assert p.mean(0) == pytest.approx(genres.mean(0), abs=0.02)
    sure = p > 0.8
    assert sure.sum() > 300
    assert genres[sure].mean() > 0.8


def test_planted_errors_are_found_where_looks_tell_genres_and_not_where_they_do_not():
    features, genres = look()
    groups = np.arange(400)
    clear = SuspectFinder(features, groups).injected_errors(genres)
    assert clear["planted"] == 20
    assert clear["precision"] > 0.6
    assert clear["auc"] > 0.9
    noise = np.random.default_rng(5).normal(size=features.shape)
    blind = SuspectFinder(noise, groups).injected_errors(genres)
    assert blind["precision"] < 0.3
    assert abs(blind["auc"] - 0.5) < 0.2


def test_probabilities_come_from_other_folds_and_never_from_near_duplicates():
    """A model can only memorise noise: out-of-fold predictions are at chance, with or without duplicates."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(150, 140)).astype(np.float32)
    genres = rng.random((150, 1)) < 0.5
    doubled, groups = np.vstack([features, features]), np.tile(np.arange(150), 2)
    for x, y, group in ((features, genres, np.arange(150)), (doubled, np.vstack([genres, genres]), groups)):
        p = SuspectFinder(x, group).probabilities(y)[:, 0]
        right = y[:, 0]
        assert abs(p[right].mean() - p[~right].mean()) < 0.1
