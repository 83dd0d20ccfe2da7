"""Search: exclusion of the query, filters, diversification, titles."""

import numpy as np
import pytest

from keyart.errors import InputError
from keyart.retrieval.diversity import diversify
from keyart.retrieval.filters import matching_rows, parse_years
from keyart.retrieval.search import search_batch
from keyart.retrieval.titles import TitleTable
from tests.indexes import clustered, make_index, table


def search_one(index, query, k, own=None, thin=None, **options):
    """The search of a batch of one query."""
    return search_batch(index, query[None], k, own=[own], thin=[thin], **options)[0]


def find(asked, titles, years=None):
    return TitleTable(titles, years).find(asked)


def test_neighbours_are_the_exact_ones_without_the_query():
    index = make_index(120)
    vectors = index.vectors()
    scores = vectors @ vectors[17]
    expected = [i for i in np.argsort(-scores, kind="stable") if i != 17][:8]
    hits = search_one(index, vectors[17], 8, own=17)
    assert hits.rows.tolist() == expected
    np.testing.assert_allclose(hits.scores, scores[expected], atol=1e-6)
    assert search_one(index, vectors[17], 8).rows[0] == 17
    assert len(search_one(index, vectors[17], 500, own=17)) == 119


def test_thinning_fetches_more_until_enough_are_left():
    index = make_index(120)
    hits = search_one(index, index.vectors()[3], 10, own=3, thin=lambda rows: rows % 10 == 0)
    scores = index.vectors() @ index.vectors()[3]
    expected = [i for i in np.argsort(-scores, kind="stable") if i % 10 == 0][:10]
    assert hits.rows.tolist() == expected


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

    plain, diverse = (search_one(index, query, 10, own=0, diverse=d) for d in (False, True))
    assert diverse.rows[0] == plain.rows[0]
    assert alike(diverse) < alike(plain)


def test_filters_keep_what_was_asked_for():
    posters = table(100)
    assert make_index(100).selection() is None
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
    with pytest.raises(InputError, match="years="):
        parse_years(text)


TITLES = ["Alien", "Aliens", "Piano, The", "Pianist, The", "Amélie", "Heat", "Heat", "", "A.I. Artificial Intelligence"]
YEARS = [1979, 1986, 1993, 2002, 2001, 1995, 1986, np.nan, 2001]
MORE = [
    "Postman, The (Postino, Il)", "Big Blue, The (Grand bleu, Le)", "Avventura, L'", "Don't Look Now", "Rocky II",
    "Die Hard", "Spider-Man 2", "Lady in White (a.k.a. The Mystery of the Lady in White)", "Welle, Die", "$", "M",
    "Blade Runner 2049", "Silence of the Lambs, The", "Good, the Bad and the Ugly, The (Buono, il brutto, Il)",
    "Smultronstället", "Rango", "Diana", "Troy", "I, Robot", "Thelma & Louise", "七人の侍", "2001: A Space Odyssey",
    "Piano Teacher, The", "Straße, Die", "Øst for paradis",
]  # fmt: skip
ALL, ALL_YEARS = TITLES + MORE, YEARS + [np.nan] * len(MORE)


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
    assert find(asked, TITLES, YEARS) == (found, True)


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        *(("Piano, The", "Piano, The"), ("THE PIANO!", "Piano, The"), ("the piano 1993", "Piano, The")),
        *(("the piano, 1993", "Piano, The"), ("the piano [1993]", "Piano, The"), ("paino (1993)", "Piano, The")),
        *(("il postino", MORE[0]), ("the postman", MORE[0]), ("le grand bleu", MORE[1]), ("big blue", MORE[1])),
        *(("l'avventura", MORE[2]), ("L’AVVENTURA", MORE[2]), ("avventura", MORE[2]), ("lavventura", MORE[2])),
        *(("dont look now", MORE[3]), ("Don’t Look Now", MORE[3]), ("rocky 2", MORE[4]), ("Rocky II", MORE[4])),
        *(("die hard", "Die Hard"), ("spiderman 2", MORE[6]), ("spider man 2", MORE[6])),
        *(("mystery of the lady in white", MORE[7]), ("die welle", MORE[8]), ("welle", MORE[8])),
        *(("$", "$"), ("m", "M"), ("blade runner 2049", MORE[11]), ("silence of the lams", MORE[12])),
        *(("the good the bad and the ugly", MORE[13]), ("smultronstallet", MORE[14]), ("robot", "I, Robot")),
        *(("thelma and louise", MORE[19]), ("七人の侍", MORE[20]), ("2001 a space odyssey", MORE[21])),
        *(("die strasse", MORE[23]), ("ost for paradis", MORE[24])),
    ],
)
def test_titles_as_people_write_them(asked, title):
    assert find(asked, ALL, ALL_YEARS) == ([ALL.index(title)], True)


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("heat", ["Heat", "Heat"]),
        ("heat (1900)", ["Heat", "Heat"]),  # the year may be wrong
        ("tron", ["Troy"]),
        ("rocky", ["Rocky II"]),  # not the same film
        ("spiderman", ["Spider-Man 2"]),
        ("hard", ["Die Hard"]),
        ("teacher", ["Piano Teacher, The"]),
        ("blade runner", ["Blade Runner 2049"]),
        ("2001", ["2001: A Space Odyssey"]),
    ],
)
def test_titles_that_are_asked_back(asked, offered):
    rows, sure = find(asked, ALL, ALL_YEARS)
    assert ([ALL[row] for row in rows], sure) == (offered, False)


@pytest.mark.parametrize(
    "asked", ["Zwölf Uhr mittags", "!?", "", "the", "rag", "casino royale", "piano 7", "it", "1993"]
)
def test_titles_of_which_nothing_is_near(asked):
    assert find(asked, ALL, ALL_YEARS) == ([], False)


def test_nothing_is_offered_instead_of_a_film_that_is_not_there():
    without = [title for title in ALL if title not in ("Piano, The", "Piano Teacher, The")]
    for asked in ("the piano", "piano", "Piano, The"):
        assert find(asked, without) == ([], False)


def test_titles_that_are_not_clear():
    assert find("ali", TITLES, YEARS) == ([0, 1], False)
    assert find("heat (1994)", TITLES, YEARS) == ([5, 6], False)
    assert find("aliens", ["Alien"]) == ([0], False)


def test_a_large_table_of_titles_reports_its_progress():
    calls = []
    TitleTable(["Heat"] * 25_000, report=lambda *counts: calls.append(counts))
    assert calls == [(0, 25_000), (10_000, 25_000), (20_000, 25_000)]


def test_posters_of_one_film_are_no_ambiguity():
    table = TitleTable(["Heat", "Heat", "Heat"], [1995, 1995, 1986], ["a", "a", "b"])
    assert table.find("heat 1995") == ([0], True)
    assert table.find("heat") == ([0, 2], False)


def test_a_year_in_the_title_is_its_own_where_none_is_known():
    assert find("heat 1995", ["Heat (1995)", "Heat (1986)"]) == ([0], True)


def test_a_batch_is_what_single_searches_are():
    index = make_index(200)
    queries, own = index.vectors(np.array([3, 8, 9])), [3, None, 9]
    thin = [None, lambda rows: rows % 10 == 0, None]
    for diverse in (False, True):
        together = search_batch(index, queries, 8, own=own, thin=thin, diverse=diverse)
        for at, hits in enumerate(together):
            alone = search_one(index, queries[at], 8, own=own[at], thin=thin[at], diverse=diverse)
            assert hits.rows.tolist() == alone.rows.tolist()
            np.testing.assert_allclose(hits.scores, alone.scores, atol=1e-6)
