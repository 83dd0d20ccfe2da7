"""Words of titles are single-spaced, however their lists are wrapped."""

from keyart_demo.films import draw_film


def test_titles_are_single_spaced():
    titles = [draw_film(0, number).title for number in range(600)]
    assert all(title == " ".join(title.split()) for title in titles)
