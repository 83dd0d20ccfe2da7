"""What there is: tables of posters, their genres, relevance and splits.

Relevance needs torch and is imported from :mod:`onesheet.catalogue.relevance`.
"""

from onesheet.catalogue.catalogue import Catalogue
from onesheet.catalogue.problems import Problem, problems_table, summarise
from onesheet.catalogue.read import read_catalogue
from onesheet.catalogue.splits import SPLITS, make_splits

__all__ = ["SPLITS", "Catalogue", "Problem", "make_splits", "problems_table", "read_catalogue", "summarise"]
