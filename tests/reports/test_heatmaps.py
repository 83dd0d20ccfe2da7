"""Tests of heat maps: positions, sizes and signs of attributions."""

import numpy as np
import pytest
from PIL import Image

from keyart.reports.cue_bars import LABEL, ROW
from keyart.reports.heatmaps import (
    CAPTION,
    CUES_WIDTH,
    GAP,
    HEAD,
    MARGIN,
    POSTER,
    SCALE,
    Side,
    draw_heatmaps,
    heat_map,
    smoothed,
    strongest,
)


def side(parts, name="A Film"):
    return Side(name, ["1986", "Horror"], Image.new("RGB", (176, 256), (120, 120, 120)), parts, -0.01)


def test_warm_where_parts_add_cool_where_they_take():
    parts = np.zeros((32, 22))
    parts[4:8, 4:8], parts[24:28, 14:18] = 1.0, -1.0
    shown = np.asarray(heat_map(Image.new("RGB", (176, 256), (120, 120, 120)), parts, 1.0)).astype(int)
    warm, cool, none = shown[48, 48], shown[208, 128], shown[128, 88]
    assert warm[0] > warm[2] + 40
    assert cool[2] > cool[0] + 25
    assert np.ptp(none) <= 3


def test_one_scale_for_both_and_little_likeness_is_faint():
    def colourfulness(picture, number):
        left = MARGIN + number * (2 * POSTER[0] + GAP + 56) + POSTER[0] + GAP
        box = picture.crop((left, HEAD, left + POSTER[0], HEAD + POSTER[1]))
        return np.ptp(np.asarray(box).astype(int), axis=2).mean()

    parts = np.full((32, 22), 0.6 / 704)
    both = draw_heatmaps((side(parts), side(parts / 4)), 0.6)
    assert colourfulness(both, 0) > 2 * colourfulness(both, 1)
    faint = draw_heatmaps((side(parts / 20), side(parts / 20)), 0.03)
    assert colourfulness(faint, 0) < colourfulness(both, 0) / 4


def test_smoothing_keeps_the_sum():
    parts = np.random.default_rng(0).normal(size=(12, 8))
    assert smoothed(parts).sum() == pytest.approx(parts.sum())
    assert np.abs(np.diff(smoothed(parts), axis=0)).max() < np.abs(np.diff(parts, axis=0)).max()


def test_the_strongest_cells_carry_half():
    parts = np.random.default_rng(0).normal(size=(12, 8))
    chosen = strongest(parts)
    whole = parts.clip(min=0).sum()
    assert parts[chosen].sum() >= whole / 2
    assert parts[chosen].sum() - parts[chosen].min() < whole / 2
    assert not strongest(-np.abs(parts)).any()


def test_a_labelled_scale_shows_the_colours_of_the_map():
    parts = np.full((32, 22), 0.6 / 704)
    parts[:16] *= -1
    picture = np.asarray(draw_heatmaps((side(parts), side(parts)), 0.1, closer_than=0.97)).astype(int)
    left, top = MARGIN, HEAD + POSTER[1] + CAPTION + 34
    (width, height) = SCALE
    bar = picture[top : top + height, left : left + width]
    assert (bar == bar[:1]).all()
    cool, none, warm = bar[0, 2], bar[0, width // 2], bar[0, -3]
    assert warm[0] > warm[2] + 40
    assert cool[2] > cool[0] + 25
    assert np.ptp(none) <= 3
    labels = picture[top + height + 8 : top + height + 24]
    paper = picture[2, 2]
    for x in (left, left + width // 2 - 4, left + width - 60):
        assert (labels[:, x : x + 60] != paper).any()


def test_bars_of_cues_are_as_long_as_what_they_add():
    parts = np.zeros((32, 22))
    cues = {"colour": 0.4, "texture": 0.1, "layout": -0.2, "content": 0.0}
    picture = np.asarray(draw_heatmaps((side(parts), side(parts)), 0.3, cues=cues)).astype(int)
    left, top = picture.shape[1] - MARGIN - CUES_WIDTH, HEAD + POSTER[1] + CAPTION + 34
    rows = [picture[top + ROW * row + 8, left + LABEL : -MARGIN] for row in range(4)]
    warm, cool = (np.array([(row[:, a] > row[:, b] + 60).sum() for row in rows]) for a, b in ((0, 2), (2, 0)))
    assert warm[0] == pytest.approx(4 * warm[1], rel=0.1)
    assert warm[0] == pytest.approx(2 * cool[2], rel=0.1)
    assert max(warm[3], cool[3], cool[0]) <= 1


def test_long_names_and_no_facts_stay_inside():
    parts = np.zeros((32, 22))
    long = Side("The Assassination of Jesse James by the Coward Robert Ford " * 3, [], side(parts).picture, parts, 0.0)
    picture = draw_heatmaps((long, side(parts)), -0.05, note="a note " * 60)
    edge = np.asarray(picture)[:, -MARGIN + 4 :]
    assert (edge == edge[0, 0]).all()
