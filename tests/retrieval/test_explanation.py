"""Explanations: attributions sum to the similarity and are at the right places."""

import numpy as np
import pytest
import torch

from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder
from keyart.models.heads.build import build_head
from keyart.models.heads.reduced import ReducedHead
from keyart.retrieval.explanation.gradients import integrated_gradients
from keyart.retrieval.explanation.pair import AveragePoster, explain_pair
from keyart.retrieval.explanation.resampling import resample

SIZE = (96, 64)


def posters(n, seed=0):
    """Return n (3, H, W) images of soft blobs."""
    rough = torch.rand(n, 3, SIZE[0] // 8, SIZE[1] // 8, generator=torch.Generator().manual_seed(seed))
    return list(torch.nn.functional.interpolate(rough, SIZE, mode="bicubic").clamp(0, 1))


def fitted(name, pooling, head, *, seed=0, extra=None, output_size=None, **backbone):
    torch.manual_seed(seed)
    created = create_backbone(name, "none", pooling=pooling, image_size=SIZE, **backbone)
    built = build_head(head, created.groups, 8, hidden_size=16, components=20, heads=2, **(extra or {}))
    embedder = Embedder(created, built).eval()
    with torch.no_grad():
        features = torch.cat([created(torch.stack(posters(40, 1)[at : at + 8])) for at in range(0, 40, 8)])
        genres = np.random.default_rng(0).random((40, 4)) < 0.4
        genres[:, 0] |= ~genres.any(1)
        built.fit(features, genres)
        if output_size is not None:
            embedder.head = ReducedHead(built, output_size).eval()
            embedder.head.fit_components(embedder.whole(embedder.transform(features)))
    return embedder


EVERYTHING = {
    "frozen_features": {"balance": 1.0, "components": 16, "power": 0.5},
    "kernel": {"weight": 1.0, "size": 8, "ridge": 1.0, "mean": 0.5, "confidence": 0.5},
    "rotate": True,
}
CASES = {
    "linear": ("resnet10t", "avg", "linear", {}),
    "linear, normalised after pooling": ("convnext_atto", "avg", "linear", {}),
    "linear, reduced": ("resnet10t", "avg", "linear", {"output_size": 5}),
    "mlp": ("resnet10t", "avg", "mlp", {}),
    "depths": ("resnet10t", "depths", "mlp", {}),
    "everything": (
        "resnet10t",
        "multiscale",
        "ensemble",
        {"extra": EVERYTHING, "flip_average": True, "multiscale_size": (128, 96)},
    ),
    "everything, reduced": ("resnet10t", "multiscale", "ensemble", {"extra": EVERYTHING, "output_size": 10}),
    "maps": (
        "resnet10t",
        "multiscale",
        "metric_maps",
        {"extra": EVERYTHING | {"rotate": False, "started": 1, "landmarks": 24, "confidence": 0.5}},
    ),
    "two networks": (["resnet10t", "test_efficientnet"], "depths", "mlp", {}),
    "class token": ("vit_tiny_patch16_224", "avg", "linear", {}),
    "class token and depths": ("vit_tiny_patch16_224", "depths", "mlp", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_parts_add_up_to_the_similarity(case):
    name, pooling, head, given = CASES[case]
    embedder = fitted(name, pooling, head, **given)
    pair = posters(2, 2)
    found = explain_pair(embedder, pair, AveragePoster(posters(6, 1)))
    with torch.no_grad():
        first, second = embedder(torch.stack(pair))
    assert found.similarity == pytest.approx(float(first @ second), abs=1e-4)
    exact = case in ("linear", "linear, reduced")
    assert (found.method == "sum over positions") == exact
    assert ("pixels" in found.method) == (case == "class token")
    for share in found.shares:
        assert share.attributions.shape == (12, 8)
        assert abs(share.approximation_error) <= (1e-5 if exact else 1e-3)
        whole = share.baseline + share.non_spatial + share.attributions.sum() + share.approximation_error
        assert whole == pytest.approx(found.similarity, abs=1e-6)
        assert (abs(share.non_spatial) > 1e-6) == (case == "class token and depths")
        assert np.ptp(share.attributions) > 0


def test_the_baseline_is_the_similarity_of_the_average_poster():
    embedder, pair, average = fitted("vit_tiny_patch16_224", "avg", "linear"), posters(2, 2), posters(6, 1)
    found = explain_pair(embedder, pair, AveragePoster(average))
    with torch.no_grad():
        vectors = embedder(torch.stack([*pair, torch.stack(average).mean(0)]))
    assert found.shares[0].baseline == pytest.approx(float(vectors[2] @ vectors[1]), abs=1e-5)
    assert found.shares[1].baseline == pytest.approx(float(vectors[2] @ vectors[0]), abs=1e-5)


def test_a_sum_over_positions_is_what_plain_loops_say():
    embedder, pair = fitted("resnet10t", "avg", "linear"), posters(2, 3)
    head = embedder.head
    weight, bias = head.project.weight.detach().double().numpy(), head.project.bias.detach().double().numpy()
    mean, std = head.standardise.mean.double().numpy(), head.standardise.std.double().numpy()
    with torch.no_grad():
        maps = [embedder.backbone.feature_maps(image[None]).final[0].double().numpy() for image in pair]
    _, rows, columns = maps[0].shape
    vectors = []
    for one in maps:
        each = [[weight @ ((one[:, y, x] - mean) / std) for x in range(columns)] for y in range(rows)]
        vectors.append((np.array(each) / (rows * columns), sum(map(sum, each)) / (rows * columns) + bias))
    lengths = np.linalg.norm(vectors[0][1]) * np.linalg.norm(vectors[1][1])
    found = explain_pair(embedder, pair, AveragePoster([]))
    for share, (each, _), (_, other) in zip(found.shares, vectors, reversed(vectors), strict=True):
        expected = np.array([[each[y, x] @ other / lengths for x in range(columns)] for y in range(rows)])
        np.testing.assert_allclose(share.attributions, resample(torch.from_numpy(expected), (12, 8)), atol=1e-6)
        assert share.baseline == pytest.approx(bias @ other / lengths, abs=1e-6)


def test_regions_like_the_average_poster_add_nothing():
    embedder, average = fitted("vit_tiny_patch16_224", "avg", "linear"), posters(6, 1)
    first, second = posters(2, 2)
    half = first.clone()
    half[:, 48:] = torch.stack(average).mean(0)[:, 48:]
    parts = explain_pair(embedder, [half, second], AveragePoster(average)).shares[0].attributions
    assert np.abs(parts[6:]).max() == 0
    assert np.abs(parts[:6]).max() > 0


def test_colours_are_laid_where_they_are():
    """With a colour histogram as the only feature, the attribution of a red square is inside the square."""
    from keyart.retrieval.explanation.feature_maps import _colour_parts

    image = torch.full((3, 8, 8), 0.3)
    image[0, :4, :4] = 0.95
    from keyart.models.pooling import colour_histogram

    ways = (colour_histogram(image[None]) - colour_histogram(torch.full((1, 3, 8, 8), 0.3)))[0].double()
    slopes = torch.zeros(24, dtype=torch.float64)
    slopes[7] = 2.0  # the brightest red
    placed = _colour_parts(image, slopes * ways, ways)
    assert float(placed.sum()) == pytest.approx(2.0 * 16 / 64)
    assert float(placed[:4, :4].sum()) == pytest.approx(2.0 * 16 / 64)


def test_integrated_gradients_of_a_polynomial():
    """For f(x, y) = x²y from 0, x receives two thirds and y one third."""
    x, y = torch.tensor([3.0]), torch.tensor([2.0])
    found = integrated_gradients(lambda v: (v[0].square() * v[1]).sum(1), [x, y], [torch.zeros(1), torch.zeros(1)])
    assert [float(part) for part in found.attributions] == pytest.approx([12.0, 6.0])
    assert (found.score, found.baseline, found.points) == (18.0, 0.0, 16)
    assert found.residual == pytest.approx(0, abs=1e-5)


def test_more_points_where_the_way_is_rough():
    x = torch.tensor([1.0])
    rough = integrated_gradients(lambda v: (40 * v[0]).sin().abs().sum(1), [x], [torch.zeros(1)])
    assert rough.points > 16
    assert abs(rough.residual) <= 1e-3 or rough.points == 256


@pytest.mark.parametrize("old", [(4, 3), (8, 5), (128, 88), (1, 1)])
def test_spreading_keeps_the_sum_and_the_place(old):
    parts = torch.rand(old, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.4
    moved = resample(parts, (12, 8))
    assert float(moved.sum()) == pytest.approx(float(parts.sum()))
    if old[0] > 1:
        corner = torch.zeros(old)
        corner[0, 0] = 1
        assert float(resample(corner, (12, 8))[:6, :6].sum()) == pytest.approx(1)


@pytest.mark.posters
def test_covering_what_carries_the_similarity_costs_most_of_it(posters_dir):
    """On pairs of real posters of one film, cover the strongest or the weakest quarter with the average poster."""
    from keyart.images.decode import decode_poster

    def load(path):
        return torch.from_numpy(decode_poster(path.read_bytes(), (256, 176)).copy()).permute(2, 0, 1).float() / 255

    rows = [line.split(",") for line in (posters_dir / "same_film.csv").read_text().split()[1:]][::50]
    pairs = [(load(posters_dir / "posters" / a), load(posters_dir / "same_film" / b)) for _, a, b in rows]
    average = [load(path) for path in sorted((posters_dir / "posters").iterdir())[::360]]
    backbone = create_backbone("tf_efficientnet_lite0", image_size=(256, 176))
    torch.manual_seed(0)
    head = build_head("linear", backbone.groups, 128)
    embedder = Embedder(backbone, head).eval()
    losses = []
    with torch.no_grad():
        head.fit(torch.cat([backbone(image[None]) for image in average + [one for pair in pairs for one in pair]]))
        for first, second in pairs:
            found = explain_pair(embedder, (first, second), AveragePoster(average))
            assert found.method == "sum over positions"
            order = np.argsort(-found.shares[0].attributions.ravel())
            for cells in (order[: len(order) // 4], order[-(len(order) // 4) :]):
                mask = torch.zeros(32 * 22)
                mask[torch.from_numpy(cells.copy())] = 1
                mask = torch.nn.functional.interpolate(mask.view(1, 1, 32, 22), (256, 176))[0]
                covered = first * (1 - mask) + torch.stack(average).mean(0) * mask
                vectors = embedder(torch.stack([covered, second]))
                losses.append(found.similarity - float(vectors[0] @ vectors[1]))
    strongest, weakest = np.array(losses).reshape(-1, 2).T
    print(strongest.round(2), weakest.round(2))
    assert strongest.mean() > 2 * weakest.mean() + 0.05
    assert (strongest > weakest).mean() >= 0.8
