"""Looking at a finished run: its pictures, its report, and how sure its figures are."""

from keyart.analysis.bootstrap import Interval, intervals, percentile_ends, resample_means
from keyart.analysis.contrasts import Pair, alike_other_genre, same_genres_unlike
from keyart.analysis.gallery import draw_gallery, write_png
from keyart.analysis.neighbours import Neighbourhoods, find_neighbours
from keyart.analysis.pictures import Pictures, make_pictures
from keyart.analysis.projection import project
from keyart.analysis.report import write_report
from keyart.analysis.scores import Score, collect_scores
from keyart.analysis.variety import choose_drivers

__all__ = [
    "Interval",
    "Neighbourhoods",
    "Pair",
    "Pictures",
    "Score",
    "alike_other_genre",
    "choose_drivers",
    "collect_scores",
    "draw_gallery",
    "find_neighbours",
    "intervals",
    "make_pictures",
    "percentile_ends",
    "project",
    "resample_means",
    "same_genres_unlike",
    "write_png",
    "write_report",
]
