from keyart.reports.card.write import make_card as make_card
from keyart.reports.contrasting_pairs import (
    Pair as Pair,
)
from keyart.reports.contrasting_pairs import (
    alike_other_genre as alike_other_genre,
)
from keyart.reports.contrasting_pairs import (
    same_genres_unlike as same_genres_unlike,
)
from keyart.reports.gallery import draw_gallery as draw_gallery
from keyart.reports.gallery import write_png as write_png
from keyart.reports.gallery_queries import choose_drivers as choose_drivers
from keyart.reports.neighbours import Neighbourhoods as Neighbourhoods
from keyart.reports.neighbours import find_neighbours as find_neighbours
from keyart.reports.projection import project as project
from keyart.reports.run_pictures import Pictures as Pictures
from keyart.reports.run_pictures import make_pictures as make_pictures
from keyart.reports.run_report import write_report as write_report
