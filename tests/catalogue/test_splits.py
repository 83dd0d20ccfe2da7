import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.splits import SPLITS, make_splits
from keyart.catalogue.stratify import connected_groups, stratify
from keyart.errors import InputError


def texts(values):
    result = np.empty(len(values), dtype=object)
    result[:] = [str(value) for value in values]
    return result


def catalogue_of(genres, *, films=None, split=None, ids=None) -> Catalogue:
    genres = np.asarray(genres, dtype=bool)
    count = len(genres)
    names = texts(range(count)) if ids is None else texts(ids)
    return Catalogue(
        source=Path("films.csv"),
        root=Path("posters"),
        ids=names,
        files=names,
        films=names if films is None else texts(films),
        genres=genres,
        genre_names=tuple(f"g{i:05d}" for i in range(genres.shape[1])),
        titles=texts([""] * count),
        years=np.full(count, np.nan),
        split=None if split is None else texts(split),
        extra=pd.DataFrame(index=pd.RangeIndex(count)),
    )


def drawn(count, seed=0, shares=(0.5, 0.4, 0.2, 0.2, 0.1, 0.05, 0.02)):
    rng = np.random.default_rng(seed)
    genres = rng.random((count, len(shares))) < shares
    genres[~genres.any(axis=1), 0] = True
    return genres


def share(split, name):
    return float(np.mean(split == name))


@pytest.mark.parametrize(("val", "test"), [(0.1, 0.2), (0.3, 0.3), (0.02, 0.05), (0.1, 0.8)])
def test_sizes_and_genres_are_as_asked(val, test):
    genres = drawn(3000)
    rng = np.random.default_rng(1)
    films, groups = rng.integers(0, 2400, 3000), rng.integers(0, 100_000, 3000)
    split = make_splits(catalogue_of(genres, films=films), val=val, test=test, seed=5, groups=groups)
    for name, want in (("train", 1 - val - test), ("val", val), ("test", test)):
        assert abs(share(split, name) - want) < 0.002
        assert abs(genres[split == name].sum(axis=0) - want * genres.sum(axis=0)).max() <= 4


@pytest.mark.parametrize(("count", "labels", "each"), [(300, 2000, 8), (300, 2000, 1), (120, 5000, 60), (1000, 400, 3)])
def test_shares_hold_whatever_the_labels(count, labels, each):
    """Rare labels in great number outweigh the rows; no split may become empty or large by them."""
    rng = np.random.default_rng(0)
    genres = np.zeros((count, labels), dtype=bool)
    np.put_along_axis(genres, rng.integers(0, labels, (count, each)), True, axis=1)
    films = rng.integers(0, 9 * count // 10, count)
    for seed in range(3):
        for films_of in (None, films):
            split = make_splits(catalogue_of(genres, films=films_of), seed=seed)
            for name, want in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
                assert abs(np.sum(split == name) - want * count) <= 1


def test_stratified_beats_random_on_a_rare_genre():
    genres = drawn(2000, shares=(0.6, 0.4, 0.01))
    rare = genres[:, 2].sum()
    stratified, chance = [], []
    for seed in range(8):
        split = make_splits(catalogue_of(genres), seed=seed)
        stratified.append(abs(genres[split == "test", 2].sum() - 0.2 * rare))
        chance.append(abs(genres[np.random.default_rng(seed).permutation(2000)[:400], 2].sum() - 0.2 * rare))
    assert max(stratified) <= 1
    assert max(chance) > 1


def test_the_seed_decides():
    catalogue = catalogue_of(drawn(300))
    first = make_splits(catalogue, seed=1)
    assert (first == make_splits(catalogue, seed=1)).all()
    assert 0.2 < np.mean(first != make_splits(catalogue, seed=2)) < 0.8


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_row_order_does_not_matter_and_nothing_is_parted(data):
    count = data.draw(st.integers(25, 60))
    seed = data.draw(st.integers(0, 2**32 - 1))
    films = data.draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))
    groups = np.array(data.draw(st.lists(st.integers(0, 60), min_size=count, max_size=count)))
    order = np.array(data.draw(st.permutations(range(count))))
    catalogue = catalogue_of(drawn(count, seed), films=films)
    try:
        split = make_splits(catalogue, seed=seed, groups=groups)
    except InputError as error:
        assert "leaves no poster" in str(error)  # noqa: PT017 - both outcomes are valid
        return
    shuffled = make_splits(catalogue.select(order), seed=seed, groups=1000 - groups[order])
    assert (shuffled == split[order]).all()
    for keys in (np.array(films), groups):
        for key in set(keys.tolist()):
            assert len(set(split[keys == key])) == 1


def naive_components(*relations):
    count = len(relations[0])
    sets = [{i} for i in range(count)]
    changed = True
    while changed:
        changed = False
        for relation in relations:
            for i in range(count):
                for j in range(count):
                    if relation[i] == relation[j] and sets[i] is not sets[j]:
                        merged = sets[i] | sets[j]
                        for k in merged:
                            sets[k] = merged
                        changed = True
    return sets


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 14).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 8), min_size=n, max_size=n)] * 2)))
def test_bind_is_the_transitive_union(relations):
    units = connected_groups(*relations)
    for i, together in enumerate(naive_components(*relations)):
        assert set(np.flatnonzero(units == units[i])) == together
    firsts = list(dict.fromkeys(units.tolist()))
    assert firsts == list(range(len(firsts)))


def test_bind_follows_a_long_chain():
    count = 20_000
    films = [(i + 1) // 2 for i in range(count)]
    groups = [i // 2 for i in range(count)]
    assert (connected_groups(films, groups) == 0).all()


def test_films_and_near_duplicates_bind_through_each_other():
    # 0-1 share a film, 1-2 are near-duplicates, 2-3 share a film: all four stay in one split.
    genres = drawn(200)
    films = [0, 0, 1, 1, *range(2, 198)]
    groups = [0, 1, 1, 2, *range(3, 199)]
    for seed in range(10):
        split = make_splits(catalogue_of(genres, films=films), seed=seed, groups=groups)
        assert len(set(split[:4])) == 1


def test_units_count_with_all_their_rows():
    """With one unit of 60 rows and 140 single rows, a 50:50 split is still reached, also for the labels."""
    sizes = np.array([60] + [1] * 140)
    labels = np.zeros((141, 2), dtype=int)
    labels[0] = [30, 30]
    labels[1:71, 0] = 1
    labels[71:, 1] = 1
    folds = stratify(labels, sizes, (0.5, 0.5), seed=0)
    for fold in (0, 1):
        assert sizes[folds == fold].sum() == 100
        assert labels[folds == fold].sum(axis=0).tolist() == [50, 50]


def test_rows_without_labels_are_dealt_out_too():
    folds = stratify(np.zeros((100, 3), dtype=int), np.ones(100, dtype=int), (0.7, 0.1, 0.2), seed=3)
    assert np.bincount(folds).tolist() == [70, 10, 20]


@pytest.mark.parametrize(
    ("val", "test", "part"),
    [
        (0, 0.2, "data.split.val=0:"),
        (0.1, 0, "data.split.test=0:"),
        (1, 0.2, "data.split.val=1:"),
        (-0.1, 0.2, "data.split.val=-0.1:"),
        (0.1, 1.5, "data.split.test=1.5:"),
        (0.1, float("nan"), "data.split.test=nan:"),
        (0.5, 0.5, "data.split.val=0.5 and data.split.test=0.5: leave nothing for train"),
    ],
)
def test_fractions_out_of_range(val, test, part):
    with pytest.raises(InputError) as caught:
        make_splits(catalogue_of(drawn(50)), val=val, test=test)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("val", "test", "part"),
    [
        (0.001, 0.2, "data.split.val=0.001: leaves no poster for val, of 50 in films.csv"),
        (0.2, 0.001, "data.split.test=0.001: leaves no poster for test"),
        (0.499, 0.5, "data.split.val + data.split.test=0.999: leaves no poster for train"),
    ],
)
def test_a_split_without_posters(val, test, part):
    with pytest.raises(InputError) as caught:
        make_splits(catalogue_of(drawn(50)), val=val, test=test)
    assert part in str(caught.value)


def test_one_film_cannot_be_split():
    with pytest.raises(InputError, match="films and near-duplicates stay whole"):
        make_splits(catalogue_of(drawn(50), films=[1] * 50))


def test_groups_of_the_wrong_length():
    with pytest.raises(ValueError, match="groups"):
        make_splits(catalogue_of(drawn(50)), groups=[1, 2])


def test_the_column_wins():
    split = np.array(["train", "val", "test"] * 20)
    np.random.default_rng(0).shuffle(split)
    catalogue = catalogue_of(drawn(60), split=split)
    assert make_splits(catalogue, seed=1).tolist() == make_splits(catalogue, val=0.4, seed=2).tolist() == split.tolist()
    assert catalogue.split.tolist() == split.tolist()


def test_a_column_that_parts_a_film_is_an_error_that_names_it():
    films = ["Heat", "Alien", "Heat", "Alien", "Jaws", "Solaris"]
    split = ["train", "train", "test", "train", "val", "test"]
    with pytest.raises(InputError, match=r"films\.csv: column `split` puts film 'Heat' into test and train;"):
        make_splits(catalogue_of(drawn(6), films=films, split=split))
    with pytest.raises(InputError, match=r"'Alien' into test and train \(and separates 1 more\)"):
        make_splits(catalogue_of(drawn(6), films=films, split=["train", "train", "test", "test", "val", "test"]))


def test_a_column_that_parts_near_duplicates_is_warned_of(caplog):
    split = ["train", "val", "test", "train"]
    with caplog.at_level(logging.WARNING):
        assert make_splits(catalogue_of(drawn(4), split=split), groups=[5, 6, 5, 7]).tolist() == split
    assert "separates 1 groups of near-duplicates, such as 0, 2" in caplog.text
    caplog.clear()
    make_splits(catalogue_of(drawn(4), split=split), groups=[5, 6, 7, 5])
    assert not caplog.records


def test_a_missing_val_is_carved_out_of_train():
    genres = drawn(1000)
    column = np.array(["train"] * 750 + ["test"] * 250)
    films = np.concatenate([np.arange(750) // 2, np.arange(1000, 1250)])
    catalogue = catalogue_of(genres, split=column, films=films)
    split = make_splits(catalogue, val=0.1, seed=3)
    assert (split[750:] == "test").all()
    assert set(split[:750]) == {"train", "val"}
    assert abs(share(split, "val") - 0.1) < 0.01
    assert abs(genres[split == "val"].mean(axis=0) - genres[:750].mean(axis=0)).max() < 0.015
    assert (split[:750:2] == split[1:750:2]).all()
    order = np.random.default_rng(0).permutation(1000)
    assert (make_splits(catalogue.select(order), val=0.1, seed=3) == split[order]).all()


@pytest.mark.parametrize(
    ("column", "val", "part"),
    [
        (["train"] * 9 + ["val"], 0.1, "gives no poster to test"),
        (["train"] * 10, 0.1, "gives no poster to val and test"),
        (["val"] * 5 + ["test"] * 5, 0.1, "gives no poster to train"),
        (["train"] * 2 + ["test"] * 8, 0.3, "data.split.val=0.3: leaves no poster for train or for val, of the 2"),
        (["train"] * 5 + ["test"] * 5, 0.001, "data.split.val=0.001: leaves no poster for train or for val"),
    ],
)
def test_a_column_that_leaves_a_split_empty(column, val, part):
    with pytest.raises(InputError) as caught:
        make_splits(catalogue_of(drawn(10), split=column), val=val)
    assert part in str(caught.value)


def test_splits_of_many_posters_are_quick():
    """The time is linear in the number of labels, not quadratic."""
    small, large = catalogue_of(drawn(2_000)), catalogue_of(drawn(16_000))
    seconds = []
    for catalogue in (small, large):
        groups = np.arange(len(catalogue))
        best = min(_seconds(catalogue, groups) for _ in range(3))
        seconds.append(best)
    assert seconds[1] < 4 * 8 * seconds[0]
    assert set(make_splits(large)) == set(SPLITS)


def _seconds(catalogue, groups):
    start = time.process_time()
    make_splits(catalogue, groups=groups)
    return time.process_time() - start
