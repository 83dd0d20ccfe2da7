"""Motifs: small pictures that a genre is known by, each drawn with a `Pen` in units of [-1, 1]."""

import random
from collections.abc import Callable

from keyart_demo.motifs import craft, creatures, evidence, heads, keepsakes, nature, people, places
from keyart_demo.pen import Pen

Motif = Callable[[Pen, random.Random], None]

# Motifs that stand on the ground and look wrong in the air.
GROUNDED = frozenset(
    {"castle", "house", "tree", "bare_tree", "pine", "palm", "cactus", "chair", "bridge", "tower", "church", "door",
     "lighthouse", "car", "motorbike", "train", "camera", "microphone", "tentacles", "hand", "crow", "wave", "skyline",
     "cat", "dog", "blobling", "rose", "martini", "bottle"}
)  # fmt: skip

_ROOMS = (craft, creatures, evidence, heads, keepsakes, nature, people, places)
MOTIFS: dict[str, Motif] = {
    name: function
    for room in _ROOMS
    for name, function in vars(room).items()
    if callable(function) and getattr(function, "__module__", "") == room.__name__ and not name.startswith("_")
}
