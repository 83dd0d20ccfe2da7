"""Augmentation: the effect of each argument, and that a view depends only on its poster."""

import colorsys

import numpy as np
import pytest
import torch

from keyart.errors import InputError
from keyart.images.augment import PRESETS, Augment

KEYS = torch.arange(64) * 7919 + 11


@pytest.fixture(scope="module")
def pixels(files):
    return torch.from_numpy(np.stack([np.asarray(files.noise(48, 32, seed=i)) for i in range(64)]))


def views_of(augment, pixels, seed=0, epoch=0):
    return augment(pixels, KEYS[: len(pixels)], seed, epoch)


def luma(images):
    return (images * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(-3)


def test_to_float(pixels):
    images = Augment.to_float(pixels)
    assert images.dtype == torch.float32
    assert images.shape == (64, 3, 48, 32)
    assert images.equal(pixels.permute(0, 3, 1, 2).float() / 255)
    assert Augment.to_float(pixels[:0]).shape == (0, 3, 48, 32)


def test_no_strength_changes_nothing(pixels):
    assert views_of(Augment.preset("none"), pixels).equal(Augment.to_float(pixels))


@pytest.mark.parametrize("strength", [name for name in PRESETS if name != "none"])
def test_views_are_posters(pixels, strength):
    augment = Augment.preset(strength)
    views = views_of(augment, pixels)
    assert views.shape == (64, 3, 48, 32)
    assert views.dtype == torch.float32
    assert views.min() >= 0
    assert views.max() <= 1
    changed = (views - Augment.to_float(pixels)).abs().mean((1, 2, 3))
    assert (changed > 0.005).float().mean() > 0.9
    assert (changed < 0.45).all()


def test_stronger_presets_change_more(pixels):
    plain = Augment.to_float(pixels)
    changes = [(views_of(Augment.preset(s), pixels) - plain).abs().mean() for s in ("light", "medium", "strong")]
    assert changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize("strength", PRESETS)
def test_a_view_depends_on_seed_epoch_and_key_alone(pixels, strength):
    augment = Augment.preset(strength)
    views = views_of(augment, pixels, seed=4, epoch=2)
    torch.manual_seed(5)
    order = torch.randperm(64)
    assert augment(pixels[order], KEYS[order], 4, 2).equal(views[order])
    for i in (0, 17, 63):
        assert augment(pixels[i : i + 1], KEYS[i : i + 1], 4, 2)[0].equal(views[i])
    if strength != "none":
        assert not views_of(augment, pixels, seed=5, epoch=2).equal(views)
        assert not views_of(augment, pixels, seed=4, epoch=3).equal(views)
        same = pixels[:1].expand(64, -1, -1, -1)
        assert len({view.numpy().tobytes() for view in views_of(augment, same)}) > 60  # a separate draw for each poster


def test_torch_generator_is_left_alone(pixels):
    before = torch.get_rng_state()
    views_of(Augment.preset("strong"), pixels[:2])
    assert torch.get_rng_state().equal(before)


def test_flip(pixels):
    plain = Augment.to_float(pixels)
    mirrored = views_of(Augment(flip=1.0), pixels)
    assert torch.allclose(mirrored, plain.flip(3), atol=1e-3)
    half = views_of(Augment(flip=0.5), pixels)
    kept = (half - plain).abs().amax((1, 2, 3)) < 1e-3
    turned = (half - plain.flip(3)).abs().amax((1, 2, 3)) < 1e-3
    assert (kept ^ turned).all()
    assert 20 <= kept.sum() <= 44


def test_zoom_crops_within_the_poster_and_keeps_its_shape():
    """On ramps, the value range of a view shows the crop: its sides, equal in both directions, and its position."""
    rows = torch.arange(200.0)[:, None].expand(200, 150) + 20
    columns = torch.arange(150.0)[None].expand(200, 150) + 20
    ramps = torch.stack([rows, columns, rows * 0], 2).byte()[None].expand(64, -1, -1, -1)
    views = views_of(Augment(zoom=0.5), ramps) * 255
    tall = (views[:, 0].amax((1, 2)) - views[:, 0].amin((1, 2)) + 1) / 200
    wide = (views[:, 1].amax((1, 2)) - views[:, 1].amin((1, 2)) + 1) / 150
    assert torch.allclose(tall, wide, atol=0.02)
    assert tall.min() >= 0.49
    assert tall.max() <= 1.001
    assert tall.std() > 0.1
    assert views[:, :2].amin() >= 19.5  # no reflection: the crop is inside the poster
    tops = views[:, 0].amin((1, 2))
    assert tops.std() > 5


def test_rotation_turns_by_true_angles():
    """An off-centre disc keeps its distance from the centre: pixels are square, although the poster is not."""
    ys, xs = torch.meshgrid(torch.arange(120.0), torch.arange(80.0), indexing="ij")
    disc = (((ys - 60) ** 2 + (xs - 65) ** 2) < 36).byte()[None, :, :, None].expand(64, -1, -1, 3) * 255
    views = views_of(Augment(rotation=30), disc)[:, 0]
    weight = views.sum((1, 2))
    down, right = (views * ys).sum((1, 2)) / weight - 59.5, (views * xs).sum((1, 2)) / weight - 39.5
    radius, angle = torch.hypot(down, right), torch.atan2(down, right).rad2deg()
    assert torch.allclose(radius, torch.full_like(radius, 25.5), atol=0.5)
    assert angle.abs().max() <= 32
    assert angle.min() < -20
    assert angle.max() > 20


def test_brightness_scales(pixels):
    dim = (pixels // 3).clamp_max(80)
    plain, views = Augment.to_float(dim), views_of(Augment(brightness=0.5), dim)
    gain = views.sum((1, 2, 3)) / plain.sum((1, 2, 3))
    assert torch.allclose(views, plain * gain[:, None, None, None], atol=1e-4)
    assert gain.min() > 0.49
    assert gain.max() < 1.51
    assert gain.std() > 0.2


def test_contrast_keeps_the_mean_luma_of_a_smooth_poster():
    ramp = torch.linspace(90, 160, 64 * 64).reshape(1, 64, 64, 1).expand(64, -1, -1, 3).byte()
    plain, views = Augment.to_float(ramp), views_of(Augment(contrast=0.5), ramp)
    assert torch.allclose(luma(views).mean((1, 2)), luma(plain).mean((1, 2)), atol=5e-3)
    spread = views.std((1, 2, 3)) / plain.std((1, 2, 3))
    assert spread.min() > 0.49
    assert spread.max() < 1.51
    assert spread.std() > 0.2


def test_saturation_and_hue_keep_luma(pixels):
    soft = pixels // 4 + 96  # far from black and white, so that nothing is clipped
    plain = Augment.to_float(soft)
    for augment in (Augment(saturation=0.6), Augment(hue=30)):
        views = views_of(augment, soft)
        assert torch.allclose(luma(views), luma(plain), atol=2e-3)
        assert (views - plain).abs().mean() > 0.005


def test_hue_turns_the_colour_circle():
    red = torch.tensor([150, 90, 90], dtype=torch.uint8).expand(64, 8, 8, 3)
    views = views_of(Augment(hue=40), red)[:, :, 0, 0]
    hues = np.array([colorsys.rgb_to_hsv(*view.tolist())[0] for view in views]) * 360
    hues = (hues + 180) % 360 - 180
    assert hues.min() < -15
    assert hues.max() > 15
    assert np.abs(hues).max() < 60


def test_grey(pixels):
    views = views_of(Augment(grey=1.0), pixels)
    assert torch.allclose(views, luma(Augment.to_float(pixels))[:, None].expand_as(views), atol=1e-5)
    grey = (views_of(Augment(grey=0.3), pixels).std(1).amax((1, 2)) < 1e-4).sum()
    assert 8 <= grey <= 32


def test_erase_replaces_one_rectangle_by_the_mean_colour(pixels):
    big = pixels.repeat_interleave(4, 1).repeat_interleave(4, 2)
    plain, views = Augment.to_float(big), views_of(Augment(erase=1.0), big)
    changed = (views - plain).abs().amax(1) > 1e-6
    areas = []
    for view, mask, image in zip(views, changed, plain, strict=True):
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        box = view[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        colour = box.flatten(1).median(1).values
        assert torch.allclose(box, colour[:, None, None].expand_as(box), atol=1e-6)
        assert torch.allclose(colour, image.mean((1, 2)), atol=0.05)
        areas.append(box.shape[1] * box.shape[2] / mask.numel())
    assert 0.015 < min(areas) < 0.05
    assert 0.1 < max(areas) < 0.17
    some = (views_of(Augment(erase=0.3), big) - plain).abs().amax((1, 2, 3)) > 1e-5
    assert 0.1 < some.float().mean() < 0.5


def test_blur_smooths(pixels):
    rough = lambda images: (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3))  # noqa: E731
    plain, views = Augment.to_float(pixels), views_of(Augment(blur=1.0), pixels)
    assert (rough(views) < rough(plain)).all()
    assert torch.allclose(views.mean((1, 2, 3)), plain.mean((1, 2, 3)), atol=0.01)
    untouched = views_of(Augment(blur=0.4), pixels)
    assert 0.4 < (untouched - plain).abs().amax((1, 2, 3)).lt(1e-6).float().mean() < 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flip": 1.5}, r"augment\.flip=1\.5"),
        ({"zoom": 0}, r"augment\.zoom=0"),
        ({"hue": -1}, r"augment\.hue=-1"),
        ({"rotation": float("nan")}, r"augment\.rotation=nan"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        Augment(**arguments)


def test_presets_are_named():
    with pytest.raises(InputError, match=r"augment\.strength=wild: use none, light, medium, strong"):
        Augment.preset("wild")
    assert repr(Augment.preset("light")).count("=") == len(PRESETS["light"])
    assert Augment.preset("strong").arguments() == PRESETS["strong"]


def test_nothing_is_learned_or_saved():
    assert not Augment.preset("strong").state_dict()
    assert not list(Augment.preset("strong").parameters())


@pytest.mark.gpu
def test_a_gpu_makes_the_same_views(pixels):
    for strength in PRESETS:
        augment = Augment.preset(strength)
        here = views_of(augment, pixels)
        there = augment.cuda()(pixels.cuda(), KEYS.cuda(), 0, 0).cpu()
        # Rectangles and random decisions are identical; colours differ by rounding.
        assert torch.allclose(here, there, atol=2e-3)
