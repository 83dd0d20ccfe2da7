from keyart.reports.card.write import write_card as write_card
from keyart.reports.contrasting_pairs import (
    Pair as Pair,
    dissimilar_same_genres as dissimilar_same_genres,
    similar_other_genres as similar_other_genres,
)
from keyart.reports.gallery import draw_gallery as draw_gallery, write_png as write_png
from keyart.reports.gallery_queries import choose_queries as choose_queries
from keyart.reports.neighbours import NeighbourLists as NeighbourLists, find_neighbours as find_neighbours
from keyart.reports.run_pictures import Pictures as Pictures, draw_pictures as draw_pictures
from keyart.reports.run_report import write_report as write_report
from keyart.retrieval.projection import project as project
