"""Scenes: ways to compose a poster's picture. Each draws on the stage and returns where it left room for text."""

from collections.abc import Callable

from keyart_demo.scenes import bold, faces, graphic, land, sea_and_sky, town
from keyart_demo.stage import Room, Stage

Scene = Callable[[Stage], Room]

SCENES: dict[str, Scene] = {
    name: function
    for part in (bold, faces, graphic, land, sea_and_sky, town)
    for name, function in vars(part).items()
    if callable(function) and getattr(function, "__module__", "") == part.__name__ and not name.startswith("_")
}
