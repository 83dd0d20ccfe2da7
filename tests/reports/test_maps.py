import numpy as np
import pytest

from keyart.reports.charts.embedding_map import choose_decades, choose_genres
from keyart.reports.poster_map import draw_poster_map, hang
from keyart.retrieval.projection import project, sample_evenly


def clusters(n=90, seed=0):
    rng = np.random.default_rng(seed)
    of = np.arange(n) % 3
    return np.eye(3, 10)[of] * 4 + rng.normal(size=(n, 10)) * 0.4, of


def test_clusters_stay_together_in_the_plane():
    vectors, of = clusters()
    points = project(vectors)
    distance = ((points[:, None] - points[None]) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    assert (of[distance.argmin(1)] == of).mean() > 0.97


def test_the_layout_repeats_exactly_and_fills_its_width():
    vectors, _ = clusters(60)
    points = project(vectors)
    np.testing.assert_array_equal(points, project(vectors))
    assert np.abs(points).max() == pytest.approx(1)
    assert np.ptp(points[:, 0]) == pytest.approx(2)
    assert np.ptp(points[:, 1]) <= 2


@pytest.mark.parametrize("n", [1, 2, 5, 11, 12, 13])
def test_few_posters_are_laid_out(n):
    points = project(np.random.default_rng(0).normal(size=(n, 6)))
    assert points.shape == (n, 2)
    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) == n


def test_equal_and_one_dimensional_embeddings_do_no_harm():
    assert (project(np.ones((20, 4))) == 0).all()
    assert np.isfinite(project(np.random.default_rng(0).normal(size=(30, 1)))).all()


def test_samples_are_even_and_distinct():
    taken = sample_evenly(5697, 1500)
    assert len(np.unique(taken)) == 1500
    assert set(np.diff(taken).tolist()) == {3, 4}


def test_a_poster_takes_the_rarest_of_its_common_genres():
    genres = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0]], dtype=bool)
    common, summary = choose_genres(genres, most=2)
    assert common == [0, 1]
    assert summary.tolist() == [1, 1, 0, -1, 1]


def test_old_decades_share_a_colour():
    years = np.array([1915.0, 1925, *range(1935, 2020, 10), np.nan])
    names, summary = choose_decades(years)
    assert len(names) == 8
    assert names[0] == "before 1950"
    assert names[-1] == "2010s"
    assert summary.tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, -1]


def test_no_year_known_means_no_decade():
    names, summary = choose_decades(np.full(3, np.nan))
    assert names == []
    assert (summary == -1).all()


def test_each_place_of_the_wall_holds_its_nearest_poster():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (400, 2))
    hung = hang(points, columns=12)
    assert len(set(hung.values())) == len(hung)
    x = {column: points[at, 0] for (_, column), at in hung.items()}
    y = {row: points[at, 1] for (row, _), at in hung.items()}
    assert all(abs(x[c] - (-1 + (c + 0.5) / 6)) <= 1 / 11 for c in x)
    assert [y[row] for row in sorted(y)] == sorted(y.values(), reverse=True)


def test_the_wall_is_transparent_where_nothing_hangs(catalogue):
    wall = draw_poster_map(project(np.random.default_rng(0).normal(size=(24, 4))), catalogue.paths)
    alpha = np.asarray(wall)[..., 3]
    assert set(np.unique(alpha).tolist()) == {0, 255}
