"""The stage on which a poster's picture is built: an image, its inks, its era, and the placement of motifs."""

import random
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageDraw

from keyart_demo.eras import Era
from keyart_demo.ink import Ink, glow, lay, lay_ramp, moved, soften, union
from keyart_demo.motifs import MOTIFS
from keyart_demo.palette import BLACK, WHITE, Colour, Palette, contrast, luminance, mix
from keyart_demo.pen import Pen
from keyart_demo.texture import clouds


@dataclass(frozen=True)
class Room:
    """Where a picture leaves room for words.

    Attributes:
        title: Top and bottom of the title's field, as fractions of the height.
        align: ``centre`` or ``left``.
        cast: Whether names fit above (``top``) or go with the title (``title``).
        big: The title is the picture: set as large as it fits.
    """

    title: tuple[float, float] = (0.69, 0.89)
    align: str = "centre"
    cast: str = "top"
    big: bool = False


@dataclass
class Stage:
    """A poster's unfinished picture; positions are fractions of width and height, sizes of the width."""

    image: Image.Image
    palette: Palette
    era: Era
    rng: random.Random
    motifs: tuple[str, ...]
    figures: tuple[str, ...]
    ground: Colour = BLACK
    tones: dict[str, Colour] = field(default_factory=dict)
    _strokes: Image.Image | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a position in fractions."""
        return x * self.image.size[0], y * self.image.size[1]

    def mask(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        """An empty mask of the canvas's size and a pen on it."""
        sheet = Image.new("L", self.size, 0)
        return sheet, ImageDraw.Draw(sheet)

    def lay(self, mask: Image.Image, ink: Ink, opacity: float = 1.0) -> None:
        """Print through a mask."""
        lay(self.image, mask, ink, opacity)

    def glow(self, mask: Image.Image, colour: Colour, radius: float, strength: float = 1.0) -> None:
        """Light around a mask; ``radius`` is a fraction of the width."""
        glow(self.image, mask, colour, radius * self.size[0], strength)

    def pen(self, x: float, y: float, size: float, *, angle: float = 0.0, flip: bool = False) -> Pen:
        """Return a pen at a position, in the style of the era."""
        return Pen(
            self.size, self.at(x, y), size * self.size[0], angle=angle, flip=flip, wobble=self.era.wobble, rng=self.rng
        )

    def _apart(self, choices: tuple[Colour, ...], body: Colour, ground: Colour) -> Colour:
        """The first ink that stands out from both the silhouette and the ground, else the one that does so best."""
        for ink in choices:
            if min(contrast(ink, body), contrast(ink, ground)) > 1.5:
                return ink
        return max(choices, key=lambda ink: min(contrast(ink, body), contrast(ink, ground)))

    def inks(self, body: Colour, ground: Colour) -> dict[str, Colour]:
        """A colour for each layer of a motif whose silhouette is ``body`` and that lies on ``ground``."""
        p = self.palette
        dark = luminance(body) < 0.18
        skin = mix(mix(p.glow, (222, 164, 122), 0.62), p.field, 0.06)
        return {
            "body": body,
            "shade": mix(body, p.field if dark else p.night, 0.34),
            "detail": self._apart((p.accent, p.glow, p.paper, p.field, p.deep), body, ground),
            "light": self._apart((p.paper, p.glow, mix(p.paper, p.deep, 0.4), p.night), body, ground),
            "glow": p.glow,
            "skin": skin,
            "hair": mix(p.night, (74, 42, 24), 0.4),
            "cloth": p.deep,
            "eyes": mix(p.night, BLACK, 0.5),
            "white": mix(mix(p.paper, skin, 0.3), p.night, 0.12),
            "lips": mix(p.accent, (176, 36, 48), 0.5),
            "leaf": mix((58, 122, 70), p.field, 0.3),
            "fur": self._apart((p.accent, p.field, p.glow, p.deep), p.night, ground),
            **self.tones,
        }

    def put(
        self,
        name: str,
        x: float,
        y: float,
        size: float,
        *,
        angle: float = 0.0,
        flip: bool | None = None,
        body: Colour | None = None,
        brush: str | None = None,
        tones: dict[str, Colour] | None = None,
        ground: Colour | None = None,
        seed: int | None = None,
    ) -> Image.Image:
        """Draw a motif and print it in the style of the era.

        Args:
            name: A key of `keyart_demo.motifs.MOTIFS`.
            x: Position of its centre, as a fraction of the width.
            y: The same of the height.
            size: Half its extent, as a fraction of the width.
            angle: Clockwise turn in degrees.
            flip: Mirrored; drawn when None.
            body: Colour of the silhouette; the palette's darkest when None.
            brush: Another manner than the era's.
            tones: Colours of single layers.
            ground: What it lies on; the stage's ground when None.
            seed: Fixes the motif's own variations; drawn when None.

        Returns:
            The mask of all that was printed.
        """
        mirrored = self.rng.random() < 0.5 if flip is None else flip
        pen = self.pen(x, y, size, angle=angle, flip=mirrored)
        MOTIFS[name](pen, random.Random(self.rng.getrandbits(32) if seed is None else seed))
        colours = {**self.inks(body or self.palette.night, ground or self.ground), **(tones or {})}
        self._print(pen.layers, colours, brush or self.era.brush, size * self.size[0])
        solid = [mask for layer, mask in pen.layers.items() if layer != "glow"]
        return union(solid) if solid else Image.new("L", self.size, 0)

    def _print(self, layers: dict[str, Image.Image], colours: dict[str, Colour], brush: str, scale: float) -> None:
        face = "skin" in layers
        solid = [mask for layer, mask in layers.items() if layer != "glow"]
        if brush == "cut":
            whole = union(solid)
            lay(self.image, moved(whole, scale * 0.035, scale * 0.045), BLACK, 0.22)
        elif brush == "airbrush" and not face:
            glow(self.image, union(solid), colours["glow"], 0.16 * scale + 2, 0.62)
        for layer, mask in layers.items():
            colour = colours[layer]
            if layer == "glow":
                self._beam(mask, colour, brush)
            elif brush in ("flat", "cut"):
                lay(self.image, mask, colour)
            elif layer == "shade" and face:
                soft = ImageChops.multiply(soften(mask, 0.07 * scale), union(solid))
                lay(self.image, soft, mix(self.palette.night, self.palette.deep, 0.35), 0.8)
            elif brush == "airbrush":
                lay_ramp(self.image, mask, (mix(colour, WHITE, 0.42), colour, mix(colour, BLACK, 0.38)))
            elif brush == "mist":
                fog = mix(self.palette.field, self.palette.glow, 0.3)
                lay_ramp(self.image, mask, (colour, mix(colour, fog, 0.1), mix(colour, fog, 0.46)))
            else:
                lay_ramp(self.image, mask, (mix(colour, WHITE, 0.1), colour, mix(colour, BLACK, 0.3)), angle=20)
                if brush == "painted" and scale > 0.1 * self.size[0]:
                    if self._strokes is None:
                        self._strokes = clouds(self.size, self.rng, scale=0.5)
                    lay(self.image, ImageChops.multiply(mask, self._strokes), mix(colour, self.palette.glow, 0.5), 0.22)

    def _beam(self, mask: Image.Image, colour: Colour, brush: str) -> None:
        if brush in ("flat", "cut"):
            lay(self.image, mask, colour, 0.55)
        else:
            lay(self.image, soften(mask, 0.012 * self.size[0]), colour, 0.45)
