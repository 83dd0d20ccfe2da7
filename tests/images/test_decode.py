"""Decoding: the resulting pixels, and the rejected files."""

import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from keyart.images.decode import MAX_STRETCH, BadImage, decode_poster, oriented_size, quiet_pillow

RED, GREEN = (220, 30, 20), (20, 200, 40)


def quadrants(width=120, height=180):
    """Return an image with red top left, blue top right, green bottom left and grey bottom right."""
    image = Image.new("RGB", (width, height))
    for box, colour in {
        (0, 0): (220, 30, 20),
        (1, 0): (20, 30, 220),
        (0, 1): (20, 200, 40),
        (1, 1): (128, 128, 128),
    }.items():
        image.paste(
            colour, (box[0] * width // 2, box[1] * height // 2, (box[0] + 1) * width // 2, (box[1] + 1) * height // 2)
        )
    return image


def corners(pixels):
    height, width, _ = pixels.shape
    return [
        tuple(int(c) for c in pixels[y, x])
        for y in (height // 4, 3 * height // 4)
        for x in (width // 4, 3 * width // 4)
    ]


def close(found, expected, by=12):
    return np.abs(np.array(found, dtype=int) - np.array(expected, dtype=int)).max() <= by


def test_same_shape_is_resized_whole(files):
    image = files.noise(180, 120)
    pixels = decode_poster(files.encode(image, "PNG"), (90, 60))
    assert pixels.shape == (90, 60, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(image.resize((60, 90), Image.Resampling.BICUBIC)))


def test_downscaling_does_not_alias(files):
    """One-pixel stripes become uniform grey, not stripes of another period."""
    stripes = np.zeros((400, 400, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    pixels = decode_poster(files.encode(Image.fromarray(stripes), "PNG"), (64, 64))
    assert np.abs(pixels.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(files, orientation):
    upright = quadrants()
    # The image that a camera stores, so that a viewer that applies the tag shows `upright`.
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode_poster(files.encode(stored, "JPEG", quality=95, exif=exif), (90, 60))
    assert close(corners(pixels), corners(np.asarray(upright)))


def test_broken_exif_does_not_cost_the_poster(files):
    data = files.encode(quadrants(), "JPEG", quality=95, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet_pillow():
            pixels = decode_poster(data, (90, 60))
    assert close(corners(pixels), corners(np.asarray(quadrants())))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "YCbCr", "1", "RGBA", "LA"])
def test_colour_modes(files, mode):
    suffix = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
    image = quadrants().quantize(4) if mode == "P" else quadrants().convert(mode, dither=Image.Dither.NONE)
    pixels = decode_poster(files.encode(image, suffix), (90, 60))
    assert close(corners(pixels), corners(np.asarray(image.convert("RGB"))), by=20)


def test_sixteen_bits_of_grey_keep_their_shades(files):
    ramp = np.linspace(0, 65535, 180 * 120).reshape(180, 120).astype(np.uint16)
    pixels = decode_poster(files.encode(Image.fromarray(ramp), "PNG"), (180, 120))
    assert np.abs(pixels[..., 0].astype(int) - (ramp >> 8)).max() <= 1
    assert len(np.unique(pixels)) > 200


def test_floating_point_pixels_are_refused(files):
    image = Image.fromarray(np.random.default_rng(0).random((64, 64)).astype(np.float32))
    with pytest.raises(BadImage, match="floating-point") as caught:
        decode_poster(files.encode(image, "TIFF"), (32, 32))
    assert caught.value.kind == "unreadable image"


def test_transparent_parts_show_white_paper(files):
    image = quadrants().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 60, 90))
    image.paste((0, 0, 0, 128), (60, 90, 120, 180))
    found = corners(decode_poster(files.encode(image, "PNG"), (90, 60)))
    assert close(found[0], (255, 255, 255))
    assert close(found[1], (20, 30, 220))
    assert close(found[3], (127, 127, 127))


def test_transparent_palette_colour_shows_white_paper(files):
    image = quadrants().quantize(8)
    first = image.getpixel((5, 5))
    found = corners(decode_poster(files.encode(image, "PNG", transparency=first), (90, 60)))
    assert close(found[0], (255, 255, 255))
    assert close(found[1], (20, 30, 220), by=25)


def test_slightly_other_shapes_keep_their_edges(files):
    """Edges in another colour stay visible, because nothing is cropped up to the maximum stretch."""
    image = Image.new("RGB", (int(120 * MAX_STRETCH) - 1, 180), GREEN)
    image.paste(RED, (0, 0, 20, 180))
    image.paste(RED, (image.width - 20, 0, image.width, 180))
    pixels = decode_poster(files.encode(image, "PNG"), (90, 60))
    assert close(pixels[45, 1], RED)
    assert close(pixels[45, -2], RED)


def test_a_landscape_still_loses_its_outer_edges_and_keeps_its_middle(files):
    image = Image.new("RGB", (360, 180), GREEN)
    image.paste(RED, (135, 45, 225, 135))  # a square in the middle
    pixels = decode_poster(files.encode(image, "PNG"), (90, 60)).astype(int)
    red = (pixels[..., 0] > 120) & (pixels[..., 1] < 120)
    height, width = red.any(1).sum(), red.any(0).sum()
    assert abs(height / 90 - 0.5) < 0.03
    assert abs(width / height - 1 / MAX_STRETCH) < 0.05
    assert close(pixels[45, 30], RED)


def test_a_large_jpeg_is_decoded_at_a_fraction(files, monkeypatch):
    image = files.noise(180, 120).resize((1200, 1800), Image.BICUBIC)
    data = files.encode(image, "JPEG", quality=95)
    decoded = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda self, *a, **k: (decoded.append(self.size), resize(self, *a, **k))[1]
    )
    pixels = decode_poster(data, (90, 60))
    assert decoded[0] == (150, 225)
    exact = np.asarray(image.resize((60, 90), Image.Resampling.BICUBIC))
    assert np.abs(pixels.astype(int) - exact).mean() < 2


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "unreadable image"),
        (b"This is a text file that someone named poster.jpg.\n" * 40, "unreadable image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "unreadable image"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 400, "unreadable image"),
    ],
)
def test_what_is_no_image(data, kind):
    with pytest.raises(BadImage) as caught:
        decode_poster(data, (90, 60))
    assert caught.value.kind == kind
    assert caught.value.fix


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_truncated_files(files, suffix, kept):
    data = files.encode(files.noise(300, 200), suffix)
    with pytest.raises(BadImage) as caught:
        decode_poster(data[: int(kept * len(data))], (90, 60))
    assert caught.value.kind in ("truncated image", "unreadable image")
    if suffix == "JPEG":
        assert caught.value.kind == "truncated image"


@pytest.mark.parametrize(("width", "height"), [(15, 400), (400, 15), (1, 1)])
def test_absurdly_small(files, width, height):
    with pytest.raises(BadImage, match=f"{width}×{height}") as caught:
        decode_poster(files.encode(Image.new("RGB", (width, height)), "PNG"), (90, 60))
    assert caught.value.kind == "tiny image"


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (3000, 20, "3000×20 pixels, 150 times as wide as high"),
        (20, 3000, "20×3000 pixels, 150 times as high as wide"),
        (401, 100, "401×100 pixels, 4.01 times as wide as high"),
    ],
)
def test_no_poster_is_so_long(files, width, height, message):
    with pytest.raises(BadImage) as caught:
        decode_poster(files.encode(Image.new("RGB", (width, height)), "PNG"), (90, 60))
    assert (caught.value.kind, caught.value.detail) == ("extreme shape", message)
    assert "crop" in caught.value.fix


def test_the_shape_is_reported_as_it_is_seen(files):
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(BadImage, match="20×3000 pixels, 150 times as high as wide"):
        decode_poster(files.encode(Image.new("RGB", (3000, 20)), "JPEG", exif=exif), (90, 60))


@pytest.mark.parametrize(("width", "height"), [(200, 600), (1200, 435), (400, 100), (270, 400), (216, 581)])
def test_panels_stills_and_inserts_are_posters(files, width, height):
    assert decode_poster(files.encode(Image.new("RGB", (width, height)), "PNG"), (90, 60)).shape == (90, 60, 3)


def test_sixteen_pixels_are_enough(files):
    assert decode_poster(files.encode(Image.new("RGB", (16, 16)), "PNG"), (90, 60)).shape == (90, 60, 3)


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (8_001, 8_000), (30_000, 30_000)])
def test_absurdly_large_by_its_header(files, width, height):
    """This includes sizes for which Pillow itself warns or raises an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quiet_pillow(), pytest.raises(BadImage) as caught:
            decode_poster(files.png_that_claims(width, height), (90, 60))
    assert caught.value.kind == "huge image"
    assert "64 megapixels" in caught.value.fix


def test_a_reason_survives_pickling():
    import pickle

    again = pickle.loads(pickle.dumps(BadImage("tiny image", "3×3 pixels", "replace it")))
    assert (again.kind, again.detail, again.fix) == ("tiny image", "3×3 pixels", "replace it")


def exif_block(kind: int, count: int, value: bytes) -> bytes:
    """Return an EXIF block with one orientation tag, of any type and content."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHI", 0x0112, kind, count) + value + bytes(4)


ORIENTATIONS = {
    **{str(value): (3, 1, struct.pack(">HH", value, 0)) for value in (*range(11), 255, 65535)},
    "long": (4, 1, struct.pack(">I", 6)),
    "huge": (4, 1, struct.pack(">I", 2**32 - 1)),
    "negative": (9, 1, struct.pack(">i", -6)),
    "text": (2, 4, b"6ab\0"),
    "bytes": (7, 4, b"\x09\0\0\0"),
    "two": (3, 2, struct.pack(">HH", 6, 8)),
    "none": (3, 0, bytes(4)),
    "far": (5, 1, struct.pack(">I", 60000)),
    "unknown type": (99, 1, b"\0\x06\0\0"),
}


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_any_orientation_gives_pixels_of_the_requested_shape(files, suffix, orientation):
    """Only 1 to 8 are orientations: any other value neither rotates the image nor swaps its sides."""
    exif = exif_block(*ORIENTATIONS[orientation])
    data = files.encode(quadrants(), suffix, exif=exif, **({} if suffix == "PNG" else {"quality": 95}))
    with quiet_pillow():
        pixels = decode_poster(data, (90, 60))
        size = oriented_size(data)
    assert pixels.shape == (90, 60, 3)
    read = {"long": 6, "two": 6}.get(orientation, int(orientation) if orientation.isdecimal() else 1)
    assert size == ((180, 120) if read in range(5, 9) else (120, 180))
    if read not in range(2, 9):
        assert close(corners(pixels), corners(np.asarray(quadrants())))


def test_the_shape_of_what_was_decoded_is_checked(files, monkeypatch):
    monkeypatch.setattr("keyart.images.decode._to_rgb", lambda image: image.convert("L"))
    with pytest.raises(BadImage, match=r"\(90, 60\) instead of \(90, 60, 3\)") as caught:
        decode_poster(files.encode(quadrants(), "PNG"), (90, 60))
    assert caught.value.kind == "unreadable image"


JPEGS = {
    "plain": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "full colour": {"subsampling": 0},
    "grey": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
}


def jpeg_with_thumbnail(files, image, mode="RGB", **options):
    """Return a JPEG with an EXIF block that contains another JPEG."""
    data = files.encode(image.convert(mode), "JPEG", **options)
    block = b"Exif\0\0" + files.encode(image.resize((32, 48)), "JPEG")
    return data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2) + block + data[2:]


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
def test_a_jpeg_that_was_cut_and_closed_with_an_end_marker(files, options, kept):
    """The lower part is grey, and neither libjpeg nor Pillow reports it."""
    data = jpeg_with_thumbnail(files, files.noise(300, 200), **options)
    assert decode_poster(data, (90, 60)).shape == (90, 60, 3)
    start = data.rindex(b"\xff\xda") if "progressive" not in options else 4000
    cut = data[: start + int(kept * (len(data) - start))]
    with pytest.raises(BadImage) as caught:
        decode_poster(cut + b"\xff\xd9", (90, 60))
    assert caught.value.kind == "truncated image"


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("tail", [b"", b"\0" * 64, b"\xff\xd9", b"junk \xff\xd9 and more"])
def test_a_whole_jpeg_that_ends_in_grey_is_a_poster(files, options, tail):
    image = files.noise(300, 200)
    image.paste((128, 128, 128), (0, 150, 200, 300))
    assert decode_poster(jpeg_with_thumbnail(files, image, **options) + tail, (90, 60)).shape == (90, 60, 3)


@pytest.mark.parametrize("suffix", ["PNG", "GIF"])
def test_other_formats_cut_and_closed(files, suffix):
    data = files.encode(files.noise(300, 200), suffix)
    end = {"PNG": b"\0\0\0\0IEND\xaeB`\x82", "GIF": b"\0;"}[suffix]
    with pytest.raises(BadImage, match="replace the file"):
        decode_poster(data[: len(data) // 2] + end, (90, 60))


def test_no_real_poster_is_taken_for_a_cut_one(posters_dir):
    """Measured on all 5,697 posters: none is. This test uses every 40th, complete and cut in half."""
    with quiet_pillow():
        for path in sorted((posters_dir / "posters").iterdir())[::40]:
            data = path.read_bytes()
            assert decode_poster(data, (90, 60)).shape == (90, 60, 3)
            with pytest.raises(BadImage, match="ends before the image"):
                decode_poster(data[: len(data) // 2] + b"\xff\xd9", (90, 60))
