"""Searching: itself left out, filters, variety, titles."""

import numpy as np
import pytest

from keyart.errors import InputError
from keyart.retrieval.diversify import diversify
from keyart.retrieval.filters import matching_rows, parse_years
from keyart.retrieval.search import search_index
from keyart.retrieval.titles import find_title
from tests.retrieval.indexes import clustered, make_index, table


def test_neighbours_are_the_exact_ones_without_the_query():
    index = make_index(120)
    vectors = index.vectors()
    scores = vectors @ vectors[17]
    wanted = [i for i in np.argsort(-scores, kind="stable") if i != 17][:8]
    hits = search_index(index, vectors[17], 8, own=17)
    assert hits.rows.tolist() == wanted
    np.testing.assert_allclose(hits.scores, scores[wanted], atol=1e-6)
    assert search_index(index, vectors[17], 8).rows[0] == 17
    assert len(search_index(index, vectors[17], 500, own=17)) == 119


def test_thinning_fetches_more_until_enough_are_left():
    index = make_index(120)
    hits = search_index(index, index.vectors()[3], 10, own=3, thin=lambda rows: rows % 10 == 0)
    scores = index.vectors() @ index.vectors()[3]
    wanted = [i for i in np.argsort(-scores, kind="stable") if i % 10 == 0][:10]
    assert hits.rows.tolist() == wanted


def naive_mmr(relevance, vectors, k, balance):
    picked = []
    while len(picked) < min(k, len(relevance)):
        best, value = None, -np.inf
        for i in range(len(relevance)):
            if i in picked:
                continue
            repeated = max((vectors[i] @ vectors[j] for j in picked), default=0.0)
            score = balance * relevance[i] - (1 - balance) * repeated
            if score > value + 1e-12:
                best, value = i, score
        picked.append(best)
    return picked


@pytest.mark.parametrize("balance", [0.0, 0.3, 0.7, 1.0])
def test_diversify_is_maximal_marginal_relevance(balance):
    vectors = clustered(40, seed=3).astype(np.float64)
    relevance = vectors @ vectors[0]
    assert diversify(relevance, vectors, 12, balance).tolist() == naive_mmr(relevance, vectors, 12, balance)


def test_diverse_answers_differ_more_and_keep_the_best():
    index = make_index(300)
    query = index.vectors()[0]

    def alike(hits):
        vectors = index.vectors(hits.rows)
        return (vectors @ vectors.T).mean()

    plain, diverse = (search_index(index, query, 10, own=0, diverse=d) for d in (False, True))
    assert diverse.rows[0] == plain.rows[0]
    assert alike(diverse) < alike(plain)


def test_filters_keep_what_was_asked_for():
    posters = table(100)
    assert matching_rows(posters) is None
    both = matching_rows(posters, ["drama", "HORROR"])
    assert both.tolist() == [i for i in range(100) if i % 6 == 0]
    years = matching_rows(posters, (), (1990, 1999))
    assert years.tolist() == [i for i in range(99) if 10 <= i % 40 <= 19]
    assert matching_rows(posters, (), (0, 9999)).tolist() == list(range(99))
    with pytest.raises(InputError, match=r"Western.*Comedy, Drama, Horror"):
        matching_rows(posters, ["Western"])
    with pytest.raises(InputError, match="no poster"):
        matching_rows(posters, ["Comedy"], (1800, 1801))


@pytest.mark.parametrize(
    ("text", "years"),
    [("1990-1999", (1990, 1999)), ("1990-", (1990, 9999)), ("-1999", (0, 1999)), ("2000", (2000,) * 2)],
)
def test_years(text, years):
    assert parse_years(text) == years


@pytest.mark.parametrize("text", ["", "-", "90s", "1999-1990", "19901999", "1990-1999-2000"])
def test_years_that_are_none(text):
    with pytest.raises(InputError, match="--year"):
        parse_years(text)


TITLES = ["Alien", "Aliens", "Piano, The", "Pianist, The", "Amélie", "Heat", "Heat", "", "A.I. Artificial Intelligence"]
YEARS = [1979, 1986, 1993, 2002, 2001, 1995, 1986, np.nan, 2001]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("alien", [0]),
        ("ALIENS", [1]),
        ("the piano", [2]),
        ("piano", [2]),
        ("amelie", [4]),
        ("artificial intelligence", [8]),
        ("heat (1995)", [5]),
        ("Pianst, The", [3]),
    ],
)
def test_titles_that_are_clear(asked, found):
    assert find_title(asked, TITLES, YEARS) == (found, True)


def test_titles_that_are_not_clear():
    assert find_title("heat", TITLES, YEARS) == ([5, 6], False)
    assert find_title("heat (1900)", TITLES, YEARS) == ([], False)
    assert find_title("ali", TITLES, YEARS) == ([0, 1], False)
    assert find_title("Zwölf Uhr mittags", TITLES, YEARS) == ([], False)
    assert find_title("!?", TITLES, YEARS) == ([], False)
