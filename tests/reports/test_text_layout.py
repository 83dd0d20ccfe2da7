"""Text in pictures: what users write may hold characters that stop the drawing."""

import pytest
from PIL import Image, ImageDraw

from keyart.reports.text_layout import Span, draw_line, shorten, wrap_spans


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\tb", "a\x00b", "\x1b[31mred", "\x7f", "\u2028", "\ud800", "\n"])
def test_control_characters_are_drawn_visibly(text):
    pen = ImageDraw.Draw(Image.new("RGB", (200, 40)))
    lines = wrap_spans([Span(text, "#000000"), Span(shorten(text, 150, 14), "#000000")], 150, 14, 2)
    for line in lines:
        assert draw_line(pen, (5, 20), line, 14) > 5 or not line[0].text.strip()
    assert shorten(text, 150, 14).isprintable()
