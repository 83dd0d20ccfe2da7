"""JPEG decoding on a device: pixels close to Pillow's, and all other files left to Pillow."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError
from keyart.images.decode import BadImage, decode_poster
from keyart.images.nvjpeg import check_nvjpeg, decode_jpegs
from keyart.runs.embed import _decode

SIZE = (96, 64)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def picture(width, height, mode="RGB"):
    """Return an image of soft shapes with a few edges."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    shades = [127 + 120 * np.sin(9 * x + 2 * i) * np.cos(7 * y + i) for i in range(3)]
    image = Image.fromarray(np.stack(shades, axis=2).astype(np.uint8))
    image.paste((230, 220, 40), (width // 5, height // 3, width // 2, height // 2))
    return image.convert(mode)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, **options)
    return out.getvalue()


def turned():
    image = picture(300, 450)
    exif = image.getexif()
    exif[0x0112] = 6
    return jpeg(image, exif=exif)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "data",
    [
        jpeg(picture(182, 268)),
        jpeg(picture(900, 1350)),
        jpeg(picture(301, 447), progressive=True),
        jpeg(picture(640, 360)),
        jpeg(picture(200, 700)),
        jpeg(picture(300, 450, "L")),
        jpeg(picture(40, 60)),
    ],
    ids=["small", "large", "progressive", "landscape", "long", "grey", "enlarged"],
)
def test_pixels_are_close_to_pillows(data, device):
    (found,) = decode_jpegs([data], SIZE, device)
    expected = decode_poster(data, SIZE)
    assert found.shape == expected.shape == (*SIZE, 3)
    assert found.dtype == np.uint8
    apart = np.abs(found.astype(int) - expected)
    assert apart.mean() < 2
    assert np.quantile(apart, 0.99) < 16


@pytest.mark.parametrize("device", DEVICES)
def test_what_it_cannot_take_is_left_to_pillow_and_spoils_no_other(device):
    whole = jpeg(picture(300, 450))
    png = io.BytesIO()
    picture(300, 450).save(png, "PNG")
    others = {
        "png": png.getvalue(),
        "turned": turned(),
        "inks": jpeg(picture(300, 450).convert("CMYK")),
        "nothing": b"",
        "no image": b"hello",
        "tiny": jpeg(picture(12, 12)),
        "a strip": jpeg(picture(60, 600)),
    }
    found = decode_jpegs([whole, *others.values(), whole], SIZE, device)
    assert [name for name, pixels in zip(others, found[1:-1], strict=True) if pixels is not None] == []
    np.testing.assert_array_equal(found[0], found[-1])
    assert found[0] is not None


def test_a_file_that_only_the_decoder_finds_broken_spoils_no_other():
    whole = jpeg(picture(300, 450))
    broken = whole[: whole.index(b"\xff\xda")]  # all headers, but no image data
    found = decode_jpegs([whole, broken, whole], SIZE, "cpu")
    assert found[1] is None
    np.testing.assert_array_equal(found[0], found[2])
    assert found[0] is not None


def test_a_catalogue_has_the_same_good_posters_by_either(poster_folder):
    folder = poster_folder
    table = pd.read_csv(folder / "catalogue.csv", dtype=str)
    files = [folder / "posters" / name for name in table["img"]]
    Image.open(files[0]).convert("RGB").save(files[0], "PNG")
    files[1].write_bytes(files[1].read_bytes()[:300])
    catalogue, _ = read_catalogue(folder / "catalogue.csv", folder / "posters")
    files[2].unlink()
    mine, bad = _decode(catalogue, SIZE)
    by_device, bad_too = _decode(catalogue, SIZE, "cpu")
    assert bad == bad_too
    assert sorted(bad) == [1, 2]
    assert mine.shape == by_device.shape == (22, *SIZE, 3)
    np.testing.assert_array_equal(mine[0], by_device[0])
    assert 0 < np.abs(mine[1:].astype(int) - by_device[1:]).mean() < 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_is_refused():
    with pytest.raises(InputError, match="decoder='nvjpeg': torch finds no GPU"):
        check_nvjpeg()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_file_cut_and_closed_is_left_to_pillow_which_refuses_it(device, options):
    whole = jpeg(picture(300, 450), **options)
    cut = whole[: len(whole) // 2] + b"\xff\xd9"
    found = decode_jpegs([whole, cut, whole], SIZE, device)
    assert found[1] is None
    assert found[0].shape == found[2].shape == (*SIZE, 3)
    with pytest.raises(BadImage, match="ends before the image"):
        decode_poster(cut, SIZE)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("orientation", [0, 1, 9, 65535])
def test_no_orientation_swaps_sides(device, orientation):
    image = picture(300, 450)
    exif = image.getexif()
    exif[0x0112] = orientation
    (found,) = decode_jpegs([jpeg(image, exif=exif)], SIZE, device)
    assert np.abs(found.astype(int) - decode_poster(jpeg(image), SIZE)).mean() < 2
