"""Demo posters: a deterministic, licence-free catalogue of fictional films, drawn with Pillow.

A film (`films`) has genres, an era and perhaps a series. Its poster (`compose`) is a picture and words: a palette
(`palette`), a backdrop and a printing manner of its era (`eras`, `backdrops`, `stage`), a scene (`scenes`) with the
motifs of its genres (`casting`, `motifs`), then title, names and billing (`layout`, `titles`, `typography`, `fonts`),
the mark of its series (`franchise`), and the grain of the paper (`texture`). `render` puts a catalogue on disk.
"""

from keyart_demo.casting import GENRES
from keyart_demo.eras import ERA_NAMES
from keyart_demo.films import LABEL_NOISE, Film, draw_film
from keyart_demo.render import demo_catalogue
from keyart_demo.words import FRANCHISES

__all__ = ["ERA_NAMES", "FRANCHISES", "GENRES", "LABEL_NOISE", "Film", "demo_catalogue", "draw_film"]
