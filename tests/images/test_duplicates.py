"""Near-duplicates: which posters are near-duplicates, which are not, and that groups do not chain."""

import io
from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from keyart.images import duplicates
from keyart.images.duplicates import (
    component_thumbnails,
    group_thumbnails,
    near_duplicate_components,
    near_duplicate_groups,
    thumbnails,
)
from keyart.images.pixel_cache import open_pixels

RULE = {"max_difference": 20.0, "min_correlation": 0.8, "max_group": 32}


def naive_groups(thumbs, max_difference, min_correlation, max_group):
    """Compute the groups by their definition, pair by pair."""
    thumbs = thumbs.numpy().astype(np.float64)
    groups = np.arange(len(thumbs))
    for i in range(len(thumbs)):
        if groups[i] != i:
            continue
        near = []
        for j in range(i + 1, len(thumbs)):
            if groups[j] != j:
                continue
            difference = np.sqrt(((thumbs[i] - thumbs[j]) ** 2).mean())
            a, b = (t - t.mean((1, 2), keepdims=True) for t in (thumbs[i], thumbs[j]))
            correlation = (a * b).sum() / max(np.sqrt((a**2).sum() * (b**2).sum()), 1e-6)
            if difference <= 2 or (difference <= max_difference and correlation >= min_correlation):
                near.append((difference, j))
        size = 1
        for difference, j in sorted(near):
            if size < max_group or difference <= 2:
                groups[j] = i
                size += 1
    return groups


def random_thumbs(seed, count=120, families=25, spread=12.0):
    rng = np.random.default_rng(seed)
    base = rng.uniform(0, 255, (families, 3, 6, 4)).repeat(4, 2).repeat(4, 3) * rng.uniform(
        0.05, 1, (families, 1, 1, 1)
    )
    thumbs = base[rng.integers(0, families, count)] + rng.normal(0, 1, (count, 3, 24, 16)) * rng.uniform(
        0, spread, (count, 1, 1, 1)
    )
    return torch.from_numpy(thumbs.clip(0, 255)).float()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("max_group", [3, 32])
def test_equals_the_definition(seed, max_group, monkeypatch):
    monkeypatch.setattr(duplicates, "_TILE", 32)  # several tiles
    thumbs = random_thumbs(seed)
    found = group_thumbnails(thumbs, 20.0, 0.8, max_group)
    np.testing.assert_array_equal(found, naive_groups(thumbs, 20.0, 0.8, max_group))
    assert 1 < len(np.unique(found)) < len(found)  # some pairs are near-duplicates, but not all


def test_ids_are_smallest_positions():
    groups = group_thumbnails(random_thumbs(5), **RULE)
    for group in np.unique(groups):
        assert np.flatnonzero(groups == group)[0] == group


def test_dark_posters_are_not_alike():
    """They differ by few grey levels, but have different content."""
    rng = np.random.default_rng(0)
    thumbs = torch.from_numpy(rng.uniform(0, 24, (40, 3, 24, 16))).float()
    assert (thumbs[0] - thumbs[1]).square().mean().sqrt() < 12
    np.testing.assert_array_equal(group_thumbnails(thumbs, **RULE), np.arange(40))


def test_groups_do_not_chain():
    """Each poster differs a little from the previous one: only those near the first are in its group."""
    rng = np.random.default_rng(0)
    start, step = rng.uniform(60, 200, (3, 24, 16)), rng.choice([-8.0, 8.0], (3, 24, 16))
    thumbs = torch.from_numpy(np.stack([start + i * step for i in range(6)])).float()
    assert group_thumbnails(thumbs, **RULE).tolist() == [0, 0, 0, 3, 3, 3]


def test_chains_join_what_groups_leave_apart():
    """The same six posters: neighbours are near-duplicates, so no split may separate any of them."""
    rng = np.random.default_rng(0)
    start, step = rng.uniform(60, 200, (3, 24, 16)), rng.choice([-8.0, 8.0], (3, 24, 16))
    other = rng.uniform(60, 200, (2, 3, 24, 16))
    line = [start + i * step for i in (3, 0, 5, 1, 4, 2)]
    thumbs = torch.from_numpy(np.stack([other[0], *line, other[1]])).float()
    assert component_thumbnails(thumbs, 20.0, 0.8).tolist() == [0, 1, 1, 1, 1, 1, 1, 7]
    assert len(np.unique(group_thumbnails(thumbs, **RULE))) > 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("max_group", [1, 3, 32])
def test_no_near_duplicates_are_in_different_chains(seed, max_group):
    """Chains join all near-duplicates that the cap or the order of groups separates, and nothing else."""
    thumbs = random_thumbs(seed, spread=20.0)
    groups, chains = group_thumbnails(thumbs, 20.0, 0.8, max_group), component_thumbnails(thumbs, 20.0, 0.8)
    parent = list(range(len(thumbs)))
    for i, j in combinations(range(len(thumbs)), 2):
        if naive_groups(thumbs[[i, j]], 20.0, 0.8, 2)[1] == 0:
            low, high = sorted((parent[i], parent[j]))
            parent = [low if name == high else name for name in parent]
    assert chains.tolist() == parent
    assert all(len(np.unique(chains[groups == group])) == 1 for group in groups)
    if max_group == 1:
        assert len(np.unique(groups)) > len(np.unique(chains))


def test_chains_of_nothing_and_one():
    assert component_thumbnails(torch.empty(0, 3, 24, 16), 20.0, 0.8).tolist() == []
    assert component_thumbnails(torch.zeros(1, 3, 24, 16), 20.0, 0.8).tolist() == [0]


def test_flat_posters_are_alike_only_in_the_same_colour():
    colours = torch.tensor([[0.0, 0, 0], [1, 1, 0], [8, 8, 8], [255, 255, 255], [254, 255, 255]])
    thumbs = colours[:, :, None, None].expand(-1, 3, 24, 16).contiguous()
    assert group_thumbnails(thumbs, **RULE).tolist() == [0, 0, 2, 3, 3]


def test_a_full_group_takes_the_nearest_and_any_number_of_same_pictures():
    rng = np.random.default_rng(0)
    first = rng.uniform(30, 220, (3, 24, 16))
    pattern = rng.choice([-1.0, 1.0], (3, 24, 16))
    thumbs = torch.from_numpy(np.stack([first + off * pattern for off in (0, 12, 6, 0, 0, 0)])).float()
    groups = group_thumbnails(thumbs, max_difference=20.0, min_correlation=0.8, max_group=2)
    assert groups.tolist() == [0, 1, 1, 0, 0, 0]  # 12 and 6 are near-duplicates, but the first group is full


def test_nothing_and_one():
    assert group_thumbnails(torch.empty(0, 3, 24, 16), **RULE).tolist() == []
    assert group_thumbnails(torch.zeros(1, 3, 24, 16), **RULE).tolist() == [0]


@pytest.fixture
def pictures(tmp_path, files):
    """Five images, and the first one in variants as users republish it."""
    first = files.noise(300, 200, seed=0)

    def again(image, quality=90):
        return Image.open(io.BytesIO(files.encode(image, "JPEG", quality=quality)))

    created = {
        "0": first,
        "recompressed": again(first, 30),
        "small": again(first.resize((70, 105))),
        "other shape": again(first.resize((210, 300))),
        "brighter": again(ImageEnhance.Brightness(first).enhance(1.1)),
        "trimmed": again(first.crop((2, 3, 198, 297))),
        **{str(i): files.noise(300, 200, seed=i) for i in range(1, 5)},
        "mirrored": first.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }
    paths = []
    for i, (name, image) in enumerate(created.items()):
        paths.append(tmp_path / f"{i:02} {name}.png")
        image.save(paths[-1])
    return open_pixels(paths, (256, 176), cache_dir=tmp_path)[0]


def test_republished_pictures_are_found(pictures):
    assert near_duplicate_groups(pictures).tolist() == [0] * 6 + [6, 7, 8, 9, 10]


def test_no_split_parts_near_duplicates_of_a_chain(tmp_path, files):
    """Sixty copies of one poster, each a little lighter than the previous one, among forty other posters."""
    from keyart.training.experiment import DataSettings
    from keyart.training.prepare import prepare_posters

    folder = tmp_path / "posters"
    folder.mkdir()
    first = np.asarray(files.noise(90, 60, seed=0), dtype=float) * 0.5
    rows = ["img,genres"]
    for i in range(100):
        shown = Image.fromarray((first + 2.0 * i).clip(0, 255).astype(np.uint8)) if i < 60 else None
        (shown or files.noise(90, 60, seed=i)).save(folder / f"{i:03}.png")
        rows.append(f"{i:03}.png,{'Drama' if i % 2 else 'War'}")
    (tmp_path / "catalogue.csv").write_text("\n".join(rows))
    posters, splits = prepare_posters(DataSettings(tmp_path / "catalogue.csv", folder, image_size=(96, 64)))
    assert len(set(near_duplicate_components(posters.pixels)[:60])) == 1
    assert len(set(posters.groups[:60].tolist())) > 1
    assert len(set(splits[:60])) == 1
    assert set(splits) == {"train", "val", "test"}


def test_groups_are_kept_beside_the_pixels(pictures, monkeypatch):
    first = near_duplicate_groups(pictures)
    monkeypatch.setattr(duplicates, "thumbnails", None)  # would fail if it were called
    np.testing.assert_array_equal(near_duplicate_groups(pictures), first)
    np.testing.assert_array_equal(near_duplicate_components(pictures), first)
    with pytest.raises(TypeError):
        near_duplicate_groups(pictures, max_difference=10)  # another rule, other groups
    with pytest.raises(TypeError):
        near_duplicate_groups(pictures.select([1, 0]))


def test_thumbnails_are_means_of_cells(pictures):
    exact = np.stack([pictures[i] for i in range(len(pictures))]).astype(np.float64)
    thumbs = thumbnails(pictures, batch_size=4)
    assert thumbs.shape == (len(pictures), 3, 24, 16)
    np.testing.assert_allclose(thumbs.mean((2, 3)).numpy(), exact.mean((1, 2)), atol=1.0)


@pytest.mark.posters
def test_real_near_duplicates(real_posters):
    """The near-duplicates that were added to the folder (if their files exist) are found, and nothing else."""
    planted = [
        {"tt0093658", "tt0095275", "tt0100100"},
        {"tt0372763", "tt0436070"},
        {"tt0402577", "tt0420286"},
        {"tt2072230", "tt4294052"},
    ]
    ids = real_posters.catalogue.ids
    expected = {frozenset(group & set(ids)) for group in planted}
    found = {
        frozenset(ids[real_posters.groups == group])
        for group, size in zip(*np.unique(real_posters.groups, return_counts=True), strict=True)
        if size > 1
    }
    assert found == {group for group in expected if len(group) > 1}
