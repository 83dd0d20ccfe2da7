"""The table reader: any dialect, and every row becomes a row or a problem."""

import csv
import io
import logging

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from keyart.catalogue import table as tables
from keyart.catalogue.history import read_history
from keyart.catalogue.problems import RowCounts
from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.table import RawTable, read_table
from keyart.errors import InputError

IMDB = """tconst\tprimaryTitle\tisAdult\tstartYear\tgenres
tt0084058\t"Open title\t0\t1983\tDrama
tt0084867\tMiddle\t0\t1983\tComedy
tt0085121\tThe 12"\t0\t1983\tHorror
tt0085154\tLast\t0\t1983\tWar
"""
IMDB_FILES = ["tt0084058.jpg", "tt0084867.jpg", "tt0085121.jpg", "tt0085154.jpg"]


@pytest.fixture
def raw(tmp_path):
    def read(text: str | bytes, name: str = "t.csv") -> RawTable:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return read_table(tmp_path / name)

    return read


def kinds(problems):
    return [(p.row, p.kind) for p in problems]


def test_an_unquoted_table_keeps_every_row(read, caplog):
    catalogue, problems = read(IMDB, IMDB_FILES, name="t.tsv")
    assert problems == []
    assert [catalogue.genre_text(i) for i in range(4)] == ["Drama", "Comedy", "Horror", "War"]
    assert list(catalogue.titles) == ['"Open title', "Middle", 'The 12"', "Last"]
    assert catalogue.account == RowCounts(4, 4, 0)
    assert [r.kind for r in catalogue.remarks] == ["no quoting"]
    assert "without quoting" in caplog.text


@pytest.mark.parametrize("separator", ["\t", "|"])
@pytest.mark.parametrize(
    ("titles"),
    [
        ('"Open', "B", "C"),  # never closed
        ('"Crocodile" Dundee', "B", "C"),  # a quoted word first
        ("A", '12"', '"B'),
        ('"A', '"B', '"C'),
        ('"A"', '"B', "C"),
    ],
)
def test_quotes_are_text_where_tables_are_written_without_quoting(read, separator, titles):
    genres = ("Drama", "Comedy", "War")
    rows = [("img", "title", "genres", "year"), *zip(("a.jpg", "b.jpg", "c.jpg"), titles, genres, "123", strict=True)]
    text = "\n".join(separator.join(row[:3]) for row in rows)
    catalogue, problems = read(text, ["a.jpg", "b.jpg", "c.jpg"])
    assert problems == []
    assert list(catalogue.titles) == list(titles)
    assert [catalogue.genre_text(i) for i in range(3)] == list(genres)


def test_a_quoted_table_with_tabs_stays_quoted(read):
    text = 'img\ttitle\tgenres\na.jpg\t"one\nand\ttwo"\tDrama\nb.jpg\t"say ""B"""\tWar\n'
    catalogue, problems = read(text, ["a.jpg", "b.jpg"])
    assert problems == []
    assert list(catalogue.titles) == ["one\nand\ttwo", 'say "B"']


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("columns", "broken"),
    [
        ("img,title,genres", {2: '"Open', 4: 'The 12"'}),
        ("img,title,genres", {2: '"Open', 3: '12"'}),  # neighbours: there is no complete row between them
        ("img,title,genres", {2: '"Open', 3: '"12"'}),
        ("title,img,genres", {2: '"Open', 4: 'The 12"'}),
        ("title,img,genres", {2: '"Open', 3: '12"'}),
        ("genres,img,title", {2: '"Open', 4: 'The 12"'}),
        ("title,genres,id", {2: '"Open', 3: 'The 12"'}),
        ("year,imdb_id,title,genres", {2: '"Open', 4: '12"'}),
    ],
)
def test_swallowed_rows_are_named_and_the_others_kept(read, separator, newline, columns, broken):
    names = columns.split(",")
    genres = ["Drama", "Comedy", "Horror", "War", "Crime"]
    lines = [separator.join(names)]
    for line, genre in enumerate(genres, 2):
        cells = {"title": broken.get(line, f"T {line}"), "genres": genre, "year": "1990"}
        cells |= {"img": f"tt000000{line}.jpg", "id": str(line), "imdb_id": f"tt000000{line}"}
        lines.append(separator.join(cells[name] for name in names))
    files = [f"{line}.jpg" if names[-1] == "id" else f"tt000000{line}.jpg" for line in range(2, 7)]
    catalogue, problems = read(newline.join(lines), files)
    faulty = {p.row for p in problems}
    assert 2 in faulty
    assert faulty <= broken.keys()
    assert {p.kind for p in problems if p.row == 2} <= {"swallowed rows", "broken quotes"}
    assert catalogue.account == RowCounts(5, 5 - len(faulty), len(faulty))
    for i, line in enumerate(catalogue.rows):
        assert catalogue.genre_text(i) == genres[line - 2]
        assert catalogue.files[i] == files[line - 2]


@pytest.mark.parametrize(
    "text",
    [
        'img,plot,genres\na.jpg,"He came, saw,\nconquered, and left.\nThe end",Drama\nb.jpg,x,War\n',
        'plot,img,genres\n"He came,\nand saw",a.jpg,Drama\nx,b.jpg,War\n',
        "img,genres\na.jpg,\"array(['Drama',\n       'War'], dtype=object)\"\nb.jpg,War\n",
        'id,img,plot,genres\n1,a.jpg,"In\n1984, he\n2, she, left",Drama\n2,b.jpg,x,War\n',
    ],
)
def test_honest_line_breaks_in_cells_are_no_fault(read, text):
    catalogue, problems = read(text, ["a.jpg", "b.jpg"])
    assert problems == []
    assert list(catalogue.files) == ["a.jpg", "b.jpg"]


def test_a_header_that_swallows_rows_is_refused(raw):
    with pytest.raises(InputError, match="line 1, the header"):
        raw('img,"genres\na.jpg,Drama\nb.jpg",War\n')


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;", "sep=;;;", "\nsep=;"])
def test_the_separator_that_excel_writes_first(read, first):
    catalogue, problems = read(f"{first}\r\nimg;genres\r\na.jpg;Drama,Comedy\r\nb.jpg;N/A\r\n", ["a.jpg", "b.jpg"])
    assert catalogue.genre_names == ("Comedy", "Drama")
    assert kinds(problems) == [(4 + first.startswith("\n"), "no genres")]


@pytest.mark.parametrize(("said", "mark"), [("sep=\\t", "\t"), ("sep=\t", "\t"), ("sep=:", ":"), ("sep=,", ",")])
def test_other_separators_that_excel_names(raw, said, mark):
    table = raw(f"{said}\nimg{mark}genres\na.jpg{mark}Drama;War\n")
    assert table.names == ["img", "genres"]
    assert [list(column) for column in table.columns] == [["a.jpg"], ["Drama;War"]]


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    ends=st.booleans(),
)
def test_every_line_of_any_text_is_a_row_or_a_problem(tmp_path, rows, separator, newline, ends):
    """Cells are written without quoting: quotes, separators and blanks can be anywhere."""
    lines = [separator.join(["id", "title", "genres"]), *(separator.join(row) for row in rows)]
    path = tmp_path / "t.csv"
    path.write_bytes((newline.join(lines) + newline * ends).encode())
    try:
        table = read_table(path)
    except InputError:
        return  # rejected with a message: no row was lost silently
    messages = [*map(int, table.lines), *(p.row for p in table.problems)]
    assert len(messages) == len(set(messages)) == table.rows
    assert all(len(column) == len(table) for column in table.columns)
    if not any('"' in line for line in lines):
        filled = [at for at, line in enumerate(lines, 1) if line.strip(separator + " \u00a0") and at > 1]
        assert {at for at in messages if lines[at - 1].isascii()} == {at for at in filled if lines[at - 1].isascii()}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    titles=st.lists(st.text('ab "', max_size=6), min_size=1, max_size=8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_no_row_ever_gets_anothers_genre(tmp_path, titles, separator, newline):
    """With stray quotes anywhere in titles, each row is read correctly or reported."""
    lines = [separator.join(["img", "title", "genres"])]
    for i, title in enumerate(titles):
        (tmp_path / f"{i}.jpg").touch()
        lines.append(separator.join([f"{i}.jpg", title, f"G{i}"]))
    path = tmp_path / "t.csv"
    path.write_bytes(newline.join(lines).encode())
    try:
        catalogue, problems = read_catalogue(path)
    except InputError:
        return  # a table with an unclosed quote is rejected
    account = catalogue.account
    assert account.rows == len(titles) == account.posters + account.faults
    assert account.faults == len({p.row for p in problems})
    for i, file in enumerate(catalogue.files):
        assert catalogue.genre_text(i) == f"G{file.removesuffix('.jpg')}"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.text('a ,;\t|"\n', max_size=10), st.sampled_from(["Drama", "", "['Dra", "War|Drama"])), max_size=9
    ),
    dialect=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    blanks=st.integers(0, 2),
    gone=st.sets(st.integers(0, 8)),
)
def test_rows_in_are_posters_and_faults(tmp_path, rows, dialect, separator, newline, encoding, blanks, gone):
    """Well-formed tables of any dialect, with many kinds of faulty rows."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, quoting=dialect, lineterminator=newline)
    writer.writerow(["img", "title", "genres"])
    for path in tmp_path.glob("*.jpg"):
        path.unlink()
    for i, (title, genres) in enumerate(rows):
        text.write(newline * blanks)
        writer.writerow([f"{i}.jpg", title, genres])
        if i not in gone:
            (tmp_path / f"{i}.jpg").touch()
    path = tmp_path / "t.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    good = [i for i, (_, genres) in enumerate(rows) if i not in gone and genres in ("Drama", "War|Drama")]
    if not good:
        with pytest.raises(InputError):
            read_catalogue(path)
        return
    catalogue, problems = read_catalogue(path)
    assert catalogue.account == RowCounts(len(rows), len(good), len(rows) - len(good))
    assert list(catalogue.files) == [f"{i}.jpg" for i in good]
    assert len({p.row for p in problems}) == len(rows) - len(good)


def test_an_account_that_does_not_add_up_cannot_be_made():
    with pytest.raises(RuntimeError, match="3 rows were read, 1 are posters and 1 are faulty"):
        RowCounts(3, 1, 1)
    assert str(RowCounts(1204, 1203, 1)) == "1,204 rows = 1,203 posters + 1 fault"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(st.text("aé1. \u2028\x0b", max_size=5), max_size=4), max_size=8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_the_quick_reader_equals_the_careful_one(tmp_path, rows, separator, newline):
    """For text without quotes, the compiled parser returns the same as the other reader."""
    text = newline.join([f"a{separator}b{separator}c", *(separator.join(row) for row in rows)])
    path = tmp_path / "t.csv"
    careful = tables._read_quoted(path, tables._LINE.findall(text), 0, separator)
    quick = tables._read_plain(text, 0, separator)
    if quick is None:
        assert any(len(row) > 3 for row in rows)  # rows with too many cells are left to the other reader
        return
    assert quick.names == careful.names
    assert list(quick.lines) == list(careful.lines)
    assert [list(column) for column in quick.columns] == [list(column) for column in careful.columns]


def test_a_large_table_without_quotes_is_read_by_the_quick_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_read_quoted", None)
    pd.DataFrame({"userId": range(200_000), "imdb_id": "tt0000001", "rating": 4}).to_csv(
        tmp_path / "h.csv", index=False
    )
    history = read_history(tmp_path / "h.csv")
    assert len(history) == 200_000
    assert history.users[-1] == "199999"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_every_reader_knows_every_encoding(tmp_path, encoding, caplog):
    text = "userId,imdb_id,rating\nZoë,tt1,5\nZoé,tt2,4\n"
    (tmp_path / "h.csv").write_bytes(text.encode(encoding))
    with caplog.at_level(logging.WARNING):
        history = read_history(tmp_path / "h.csv")
    assert history.users.tolist() == ["Zoë", "Zoé"]
    assert ("is not UTF-8" in caplog.text) == (encoding in ("latin-1", "cp1252"))


def test_whole_numbers_of_parquet_stay_whole_where_some_are_missing(tmp_path):
    frame = pd.DataFrame({"user": pd.array([2**60 + 1, None], "Int64"), "imdb_id": [1, 2]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert str(table.columns[0][0]) == str(2**60 + 1)
