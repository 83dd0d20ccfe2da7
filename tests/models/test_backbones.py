"""Backbones: names, poolings, sizes, frozen statistics."""

import logging

import pytest
import timm
import torch

from keyart.errors import InputError
from keyart.models.backbone import _memory_format
from keyart.models.backbone_factory import check_backbone, create_backbone
from keyart.models.pooling import colour_histogram, covariances, generalised_mean, halves, moments, to_map

SIZE = (64, 48)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit", "test_efficientnet"])
def test_first_columns_are_timms_own_pooled_features(name):
    images = torch.rand(3, 3, *SIZE)
    torch.manual_seed(0)
    model = timm.create_model(name).eval()
    if hasattr(model, "set_input_size"):
        model.set_input_size(img_size=SIZE)
    cfg = model.pretrained_cfg
    x = (images - torch.tensor(cfg["mean"]).view(3, 1, 1)) / torch.tensor(cfg["std"]).view(3, 1, 1)
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(x), pre_logits=True)
    for pooling in ("avg", "gem", "depths", "multiscale"):
        torch.manual_seed(0)
        backbone = create_backbone(name, "none", pooling, SIZE)
        with torch.no_grad():
            features = backbone(images)
        assert features.shape == (3, backbone.feature_dim)
        assert backbone.num_features == expected.shape[1]
        torch.testing.assert_close(features[:, : backbone.num_features], expected, rtol=1e-4, atol=1e-5)
        assert (backbone.feature_dim > backbone.num_features) == (pooling != "avg")


def test_depths_are_the_moments_of_four_stages_the_halves_and_the_colours():
    torch.manual_seed(0)
    backbone = create_backbone("test_resnet", "none", "depths", SIZE)
    images = torch.rand(2, 3, *SIZE)
    x = (images - 0.5) / 0.5
    with torch.no_grad():
        final, stages = backbone.model.forward_intermediates(x)
        expected = torch.cat(
            [
                final.mean((2, 3)),
                *(stage.mean((2, 3)) for stage in stages[-4:]),
                *(stage.flatten(2).std(dim=2, correction=0) for stage in stages[-4:]),
                final[:, :, :1].mean((2, 3)),
                final[:, :, 1:].mean((2, 3)),
                colour_histogram(images),
            ],
            dim=1,
        )
        torch.testing.assert_close(backbone(images), expected, rtol=1e-4, atol=1e-5)


def test_depths_of_the_default_model_are_4856_numbers():
    backbone = create_backbone("tf_efficientnet_lite0.in1k", "none", "depths", SIZE)
    assert (backbone.num_features, backbone.feature_dim) == (1280, 4856)


def test_the_bank_of_the_default_model_holds_seven_groups():
    backbone = create_backbone("tf_efficientnet_lite0.in1k", "none", "multiscale", SIZE)
    widths = {name: stop - start for name, (start, stop) in backbone.groups.items()}
    assert widths == {
        "pooled": 1280,
        "head": 2560,
        "high": 2 * (192 + 320),
        "mid": 2 * (40 + 80 + 112),
        "low": 2 * (16 + 24),
        "covariance": 24 * 25 // 2 + 3 * 40 * 41 // 2,
        "layout": 6 * (40 + 112),
        "composition": 6 * 320,
    }
    assert backbone.feature_dim == sum(widths.values())


def test_the_bank_pools_every_stage():
    torch.manual_seed(0)
    backbone = create_backbone("test_efficientnet", "none", "multiscale", SIZE)
    images = torch.rand(2, 3, *SIZE)
    x = (images - backbone.mean) / backbone.std
    with torch.no_grad():
        model, maps = backbone.model, []
        x = model.bn1(model.conv_stem(x))
        for block in model.blocks:
            x = block(x)
            maps.append(x)
        last = model.bn2(model.conv_head(x))
        features = backbone(images)
    groups = {name: features[:, start:stop] for name, (start, stop) in backbone.groups.items()}
    assert len(maps) == 5

    def both(some):
        return torch.cat(
            [f(m) for m in some for f in (lambda m: m.mean((2, 3)), lambda m: m.flatten(2).std(2, correction=0))], 1
        )

    torch.testing.assert_close(groups["head"], both([last]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(groups["low"], both(maps[:1]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(groups["mid"], both(maps[1:4]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(groups["high"], both(maps[4:]), rtol=1e-4, atol=1e-5)
    grids = [torch.nn.functional.adaptive_avg_pool2d(m, (3, 2)).flatten(1) for m in (maps[1], maps[3])]
    torch.testing.assert_close(groups["layout"], torch.cat(grids, 1), rtol=1e-4, atol=1e-5)
    first = torch.stack([torch.cov(m.flatten(1), correction=0) for m in maps[0]])
    upper = torch.stack([c[torch.triu(torch.ones_like(c)).bool()] for c in first])
    torch.testing.assert_close(groups["covariance"][:, : upper.shape[1]], upper, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_averaging_over_the_mirror_image_leaves_the_pooled_features_alone(name):
    torch.manual_seed(0)
    plain = create_backbone(name, "none", "multiscale", SIZE)
    torch.manual_seed(0)
    averaged = create_backbone(name, "none", "multiscale", SIZE, flip_average=True)
    images = torch.rand(2, 3, *SIZE)
    with torch.no_grad():
        features, mirrored, out = plain(images), plain(images.flip(3)), averaged(images)
    kept = plain.num_features
    torch.testing.assert_close(out[:, :kept], features[:, :kept])
    torch.testing.assert_close(out[:, kept:], (features + mirrored)[:, kept:] / 2)
    assert averaged.describe()["flip_average"] is True
    with pytest.raises(InputError, match=r"model\.flip_average=true"):
        create_backbone(name, "none", "avg", SIZE, flip_average=True)


def test_covariances_of_mixed_channels():
    x = torch.rand(2, 5, 4, 3, dtype=torch.float64)
    mix = torch.rand(5, 2, dtype=torch.float64)
    mixed = torch.einsum("bchw,cd->bdhw", x, mix).flatten(2)
    for got, row in zip(covariances(x, mix), mixed, strict=True):
        c = torch.cov(row, correction=0)
        torch.testing.assert_close(got, torch.stack([c[0, 0], c[0, 1], c[1, 1]]))


def test_pooling_functions():
    x = torch.rand(2, 3, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(generalised_mean(x), x.pow(3).mean((2, 3)).pow(1 / 3))
    torch.testing.assert_close(generalised_mean(x * 1e200), generalised_mean(x) * 1e200)
    torch.testing.assert_close(generalised_mean(x, p=1), x.mean((2, 3)))
    mean, deviation = moments(x)
    torch.testing.assert_close(mean, x.mean((2, 3)))
    torch.testing.assert_close(deviation, x.flatten(2).std(2, correction=0))
    top, bottom = halves(x)
    torch.testing.assert_close(top, x[:, :, :3].mean((2, 3)))
    torch.testing.assert_close(bottom, x[:, :, 2:].mean((2, 3)))
    histogram = colour_histogram(torch.tensor([0.0, 0.124, 0.126, 1.0]).expand(1, 3, 1, 4))
    assert histogram.view(3, 8).tolist() == [[0.5, 0.25, 0, 0, 0, 0, 0, 0.25]] * 3
    tokens = torch.cat([torch.full((2, 1, 3), 9.0), x.float().flatten(2).transpose(1, 2)], dim=1)
    assert torch.equal(to_map(tokens, 3, 1, (5, 4)), x.float())
    assert torch.equal(to_map(x.permute(0, 2, 3, 1), 3, 0), x)
    assert to_map(tokens, 3, 1).shape == (2, 3, 20, 1)


def test_batch_norm_statistics_stay_frozen_while_the_rest_trains():
    backbone = create_backbone("test_resnet", "none", image_size=SIZE).train()
    assert backbone.model.training
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    backbone(torch.rand(4, 3, *SIZE)).square().mean().backward()
    after = backbone.state_dict()
    assert any("running_mean" in key for key in before)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(parameter.grad is not None for parameter in backbone.parameters())


def test_vits_take_posters_and_say_when_they_cannot(caplog):
    assert create_backbone("test_vit", "none", image_size=(256, 176)).input_size == (256, 176)
    with caplog.at_level(logging.INFO):
        assert create_backbone("test_vit", "none", image_size=(100, 70)).input_size == (96, 64)
    assert "resized to 96×64" in caplog.text
    with caplog.at_level(logging.WARNING):
        backbone = create_backbone("mixer_s32_224", "none", image_size=(256, 176))
    assert "mixer_s32_224 cannot take 256×176" in caplog.text
    with torch.no_grad():
        assert backbone(torch.rand(1, 3, 256, 176)).shape == (1, 512)


def test_strided_1x1_stems_are_kept_out_of_channels_last():
    """Check that they avoid this layout, in which their backward pass crashes the process: see `_memory_format`."""
    stem = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1, stride=2)))
    assert _memory_format(stem) == torch.contiguous_format
    for harmless in (torch.nn.Conv2d(3, 8, 1), torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.Conv2d(16, 8, 1, stride=2)):
        assert _memory_format(torch.nn.Sequential(harmless)) == torch.channels_last
    backbone = create_backbone("test_resnet", "none", image_size=SIZE)
    assert backbone.model.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("name", "pooling", "message"),
    [
        ("nosuch", "avg", ["model.backbone=nosuch"]),
        ("resnet19", "avg", ["model.backbone=resnet19", "did you mean", "resnet18"]),
        ("resnet18.nosuch", "avg", ["model.backbone=resnet18.nosuch", "resnet18.a1_in1k"]),
        ("test_resnet", "max", ["model.pooling=max", "gem"]),
    ],
)
def test_unknown_names_are_refused_in_one_line(name, pooling, message):
    with pytest.raises(InputError) as caught:
        check_backbone(name, "none", pooling)
    assert all(part in str(caught.value) for part in message)
    assert "\n" not in str(caught.value)


def test_images_that_are_too_small_are_refused():
    with pytest.raises(InputError, match=r"data\.image_size=0,0"):
        create_backbone("test_resnet", "none", image_size=(0, 0))


def test_the_bank_may_be_pooled_from_resized_images():
    torch.manual_seed(0)
    plain = create_backbone("test_resnet", "none", "multiscale", SIZE)
    torch.manual_seed(0)
    resized = create_backbone("test_resnet", "none", "multiscale", SIZE, multiscale_size=(96, 72), flip_average=True)
    images = torch.rand(2, 3, *SIZE)
    larger = torch.nn.functional.interpolate(images, (96, 72), mode="bilinear", antialias=True)
    with torch.no_grad():
        pooled, big, mirrored, out = plain(images), plain(larger), plain(larger.flip(3)), resized(images)
    kept = plain.num_features
    torch.testing.assert_close(out[:, :kept], pooled[:, :kept])
    torch.testing.assert_close(out[:, kept:], (big + mirrored)[:, kept:] / 2)
    assert resized.describe()["multiscale_size"] == [96, 72]
    with pytest.raises(InputError, match=r"model\.multiscale_size=96,72: model\.pooling=avg"):
        create_backbone("test_resnet", "none", "avg", SIZE, multiscale_size=(96, 72))
    with pytest.raises(InputError, match=r"model\.multiscale_size=96,72: test_vit"):
        create_backbone("test_vit", "none", "multiscale", SIZE, multiscale_size=(96, 72))
