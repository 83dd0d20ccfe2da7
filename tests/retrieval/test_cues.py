"""Attribution of a similarity to kinds of cue: completeness, and posters of which the answer is known."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate, normalize

from keyart.models.backbone_factory import create_backbone
from keyart.retrieval.explanation.cues import CueExplainer, explain_cues, shapley_values
from keyart.retrieval.explanation.hybrids import CUES, find_cues, mix
from tests.retrieval.test_explanation import CASES, SIZE, fitted

TEAL = ((0.02, 0.12, 0.16), (0.15, 0.45, 0.5))
ORANGE = ((0.75, 0.45, 0.2), (1.0, 0.93, 0.75))
OTHERS = (
    ((0.1, 0.02, 0.02), (0.9, 0.3, 0.2)),
    ((0.6, 0.5, 0.2), (1.0, 0.95, 0.8)),
    ((0.05, 0.05, 0.3), (0.5, 0.5, 0.95)),
    ((0.2, 0.2, 0.2), (0.9, 0.9, 0.9)),
)


def poster(seed, palette):
    """A drawing of discs and bars, (3, H, W), from a dark to a light colour."""
    generator = torch.Generator().manual_seed(seed)
    height, width = SIZE
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    drawn = torch.zeros(SIZE)
    for shape in range(9):
        down, across, size, grey = torch.rand(4, generator=generator).tolist()
        dy, dx = y - down * height, x - across * width
        disc = dy.square() + dx.square() < (6 + 14 * size) ** 2
        bar = (dy.abs() < 3 + 8 * size) & (dx.abs() < 6 + 16 * size)
        drawn[disc if shape % 2 else bar] = grey
    dark, light = (torch.tensor(colour).view(3, 1, 1) for colour in palette)
    return dark * (1 - drawn) + light * drawn


REFERENCES = [poster(100 + seed, palette) for seed, palette in enumerate(OTHERS)]
SAME_COLOURS = (poster(1, TEAL), poster(2, TEAL))
SAME_DRAWING = (poster(1, TEAL), poster(1, ORANGE))


def pretrained(pooling):
    """The centred features of a pretrained network as an embedder of larger posters."""
    size = (128, 96)
    backbone = create_backbone("tf_efficientnet_lite0", pooling=pooling, image_size=size).eval()

    def features(images):
        return backbone(interpolate(images, size, mode="bilinear"))

    with torch.inference_mode():
        mean = features(torch.stack([poster(200 + seed, OTHERS[seed % 4]) for seed in range(16)])).mean(0)
    return lambda images: normalize(features(images) - mean, dim=1)


@pytest.mark.parametrize("case", ["linear", "mlp", "everything, reduced", "class token"])
def test_the_parts_add_up_and_shared_colours_carry_most(case):
    name, pooling, head, options = CASES[case]
    embedder = fitted(name, pooling, head, **options)
    found = explain_cues(embedder, SAME_COLOURS, REFERENCES[:3])
    with torch.inference_mode():
        first, second, *others = embedder(torch.stack([*SAME_COLOURS, *REFERENCES[:3]]))
        random = [float(one @ other) for one, other in itertools.combinations(others, 2)]
    assert found.similarity == pytest.approx(float(first @ second), abs=1e-4)
    assert found.baseline == pytest.approx(np.mean(random), abs=1e-4)
    assert found.baseline + sum(found.parts.values()) == pytest.approx(found.similarity, abs=1e-6)
    assert tuple(found.parts) == CUES
    assert found.parts["colour"] > 3 * max(abs(found.parts[cue]) for cue in CUES[1:])


@pytest.mark.parametrize("pooling", ["avg", "multiscale"])
def test_what_a_pretrained_network_sees_alike(pooling):
    embedder = pretrained(pooling)
    # As many references as `keyart explain` takes: two leave too much noise.
    colours = explain_cues(embedder, SAME_COLOURS, REFERENCES).parts
    drawing = explain_cues(embedder, SAME_DRAWING, REFERENCES).parts
    assert max(colours, key=colours.get) == "colour"
    assert colours["colour"] > 2 * colours["content"]
    assert max(drawing, key=drawing.get) == "content"
    assert drawing["content"] > 4 * drawing["colour"]
    assert drawing["layout"] > colours["layout"]


KNOWN = {
    "colour": lambda images: images.mean((2, 3)) - 0.4,
    "layout": lambda images: grey(interpolate(images, (4, 3), mode="area")).flatten(1),
}


def grey(images):
    """Return (B, H, W) lightness without mean and contrast, which are colour."""
    lightness = images.mean(1)
    lightness = lightness - lightness.mean((1, 2), keepdim=True)
    return lightness / lightness.square().mean((1, 2), keepdim=True).sqrt()


@pytest.mark.parametrize("cue", ["colour", "layout"])
def test_an_embedding_of_one_cue_gives_it_everything(cue):
    def embedder(images):
        return normalize(KNOWN[cue](images), dim=1)

    found = explain_cues(embedder, (poster(3, TEAL), poster(4, ORANGE)), REFERENCES)
    rest = [abs(part) for name, part in found.parts.items() if name != cue]
    assert abs(found.parts[cue]) > 0.1
    assert max(rest) < 0.2 * abs(found.parts[cue])


def test_mixtures_have_the_cues_that_they_are_made_of():
    own, other = poster(3, TEAL), poster(4, ORANGE)
    mixed = mix(find_cues(own), find_cues(other), SIZE)
    assert mixed.shape == (14, 3, *SIZE)
    assert 0 <= float(mixed.min()) <= float(mixed.max()) <= 1
    for coalition, image in enumerate(mixed, 1):
        source, foreign = (own, other) if coalition & 1 else (other, own)
        to_source, to_foreign = ((image - one).mean((1, 2)).abs().max() for one in (source, foreign))
        assert to_source < 0.3 * to_foreign
        source, foreign = (own, other) if coalition & 4 else (other, own)
        assert masses(image, source) > masses(image, foreign) + 0.3


def masses(one, other):
    """Return the correlation of two images' coarse lightness."""
    flat = torch.stack([interpolate(grey(image[None])[None], (4, 3), mode="area").flatten() for image in (one, other)])
    return float(torch.corrcoef(flat)[0, 1])


def test_cues_of_the_same_image_give_the_image():
    image = poster(5, ORANGE)
    cues = find_cues(image)
    torch.testing.assert_close(mix(cues, cues, SIZE), image.expand(14, -1, -1, -1), atol=0.02, rtol=0)


def test_shapley_values_are_the_mean_over_all_orders():
    values = torch.rand(16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = np.zeros(4)
    for order in itertools.permutations(range(4)):
        coalition = 0
        for player in order:
            expected[player] += float(values[coalition | 1 << player] - values[coalition]) / math.factorial(4)
            coalition |= 1 << player
    np.testing.assert_allclose(shapley_values(values), expected, atol=1e-12)


def test_mixtures_are_embedded_once_for_all_pairs_of_a_poster():
    embedded = []

    def embedder(images):
        embedded.append(len(images))
        return normalize(KNOWN["colour"](images), dim=1)

    explainer = CueExplainer(embedder, REFERENCES[:2])
    explainer.explain((poster(1, TEAL), poster(2, ORANGE)))
    before = sum(embedded)
    found = explainer.explain((poster(3, TEAL), poster(1, TEAL)))
    assert sum(embedded) - before == 2 * 14 + 1
    assert found == explain_cues(embedder, (poster(3, TEAL), poster(1, TEAL)), REFERENCES[:2])


def test_one_reference_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        explain_cues(KNOWN["colour"], SAME_COLOURS, REFERENCES[:1])
