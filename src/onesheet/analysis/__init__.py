"""Looking at a finished run: its pictures, its report, and how sure its figures are."""

from onesheet.analysis.bootstrap import Interval, intervals, percentile_ends, resample_means
from onesheet.analysis.contrasts import Pair, alike_other_genre, same_genres_unlike
from onesheet.analysis.gallery import draw_gallery, write_png
from onesheet.analysis.neighbours import Neighbourhoods, find_neighbours
from onesheet.analysis.pictures import Pictures, make_pictures
from onesheet.analysis.projection import project
from onesheet.analysis.report import write_report
from onesheet.analysis.scores import Score, collect_scores
from onesheet.analysis.variety import choose_drivers

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
