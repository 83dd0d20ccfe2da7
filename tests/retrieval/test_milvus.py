"""Milvus, embedded in a file: the same results as FAISS, filling in batches, resuming, and rejected input."""

import json
import os
import shutil
import threading

import numpy as np
import pytest

from keyart.errors import InputError
from keyart.retrieval.index import PosterIndex
from tests.indexes import clustered, found, refused, table

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

from keyart.retrieval.engines import milvus_build
from keyart.retrieval.engines.base import Target
from keyart.retrieval.engines.milvus import MilvusEngine
from keyart.retrieval.engines.milvus_build import build_milvus
from keyart.retrieval.engines.milvus_client import connect, disconnect, redact_uri
from keyart.retrieval.engines.milvus_index import MilvusIndex

NOTES = {"embedder": "mine", "images": "/posters"}


def source(n=600, **given):
    return PosterIndex.of(clustered(n, **given), table(n), NOTES)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Provide the same 600 posters in FAISS and in Milvus."""
    exact = source()
    uri = str(tmp_path_factory.mktemp("milvus") / "a.db")
    built, share = build_milvus(exact, uri, recall=0.99)
    assert share >= 0.99
    built.close()
    index = MilvusIndex.open(uri)
    yield exact, index
    index.close()


def test_it_finds_what_exact_search_finds(pair):
    exact, index = pair
    queries = clustered(640)[::16]
    wanted_scores, expected = exact.search(queries, 10)
    scores, rows = index.search(queries, 10)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, expected, strict=True)]) >= 0.97
    same = rows == expected
    np.testing.assert_allclose(scores[same], wanted_scores[same], atol=1e-5)
    assert (np.diff(scores, axis=1) <= 1e-6).all()


def test_it_holds_all_that_is_known_of_the_posters(pair):
    exact, index = pair
    assert len(index) == 600
    assert index.dimensions == 16
    assert index.notes == {**NOTES, "recall@10": index.notes["recall@10"]}
    rows = np.array([5, 599, 0, 5])
    assert index.metadata(rows) == exact.metadata(rows)
    columns, expected = index.posters, exact.posters
    for name in ("id", "film", "img", "title", "genres", "split"):
        assert columns[name].tolist() == expected[name].tolist(), name
    assert columns["year"].isna().tolist() == expected["year"].isna().tolist()
    assert columns["year"].dropna().tolist() == expected["year"].dropna().tolist()
    np.testing.assert_array_equal(index.vectors(rows), exact.vectors(rows))
    np.testing.assert_array_equal(index.vectors(), exact.vectors())
    assert (index.row_of("p17"), index.row_of('no"such')) == (17, None)


@pytest.mark.parametrize(
    ("genres", "years"), [(["drama", "HORROR"], None), ([], (1990, 1999)), (["Comedy"], (1981, 1981)), ([], (0, 9999))]
)
def test_filters_are_those_of_the_other_engines(pair, genres, years):
    exact, index = pair
    allowed, expression = exact.selection(genres, years), index.selection(genres, years)
    assert len(expression) == len(allowed)
    query = clustered(640)[600:608]
    k = min(5, len(allowed))
    np.testing.assert_array_equal(index.search(query, k, expression)[1], exact.search(query, k, allowed)[1])


def test_filters_hold_also_where_torch_utils_has_replaced_faiss_own(tmp_path):
    import faiss.contrib.torch_utils  # noqa: F401

    exact = source(100)
    built, _ = build_milvus(exact, str(tmp_path / "a.db"))
    query, years = clustered(1), (1990, 1999)
    np.testing.assert_array_equal(
        built.search(query, 5, built.selection([], years))[1], exact.search(query, 5, exact.selection([], years))[1]
    )
    built.close()


def test_a_corrected_table_is_something_else(tmp_path):
    uri, before = str(tmp_path / "a.db"), source(60)
    build_milvus(before, uri)[0].close()
    posters = before.posters.assign(genres="Western", title="New")
    after = PosterIndex.of(before.vectors(), posters, NOTES)
    with pytest.raises(InputError, match="something else"):
        build_milvus(after, uri)
    built, _ = build_milvus(after, uri, replace=True)
    assert len(built.selection(["Western"])) == 60
    assert set(built.posters["title"]) == {"New"}
    built.close()


def lengthened(column, text, n=30):
    exact = source(n)
    posters = exact.posters.copy()
    posters.loc[7, column] = text
    return PosterIndex.of(exact.vectors(), posters, NOTES)


@pytest.mark.parametrize("title", ["x" * 70_000, "é" * 40_000, "x" + "映" * 30_000, "x" * 65_535, "映" * 21_845])
def test_engines_agree_on_titles_that_are_too_long(title, keyart, made, tmp_path, monkeypatch):
    run, exact = made[2][0][0], PosterIndex.load(made[2][0][0] / "index")
    posters = exact.posters.assign(title=[title, *exact.posters["title"][1:]])
    monkeypatch.setattr(PosterIndex, "load", lambda *given: PosterIndex(exact.index, posters, None, exact.notes))
    titles = {}
    for engine in ("flat", "milvus"):
        code, _, err = keyart("index", run, "--engine", engine, "--out", tmp_path / engine, "--json")
        assert code == 0, err
        assert ("1 titles are longer than 65,535 bytes and are cut, that of p0000 first" in err) == (
            len(title.encode()) > 65_535
        )
    monkeypatch.undo()
    for engine in ("flat", "milvus"):
        summary = found(keyart("search", run, "p0000", "--index", tmp_path / engine, "--json"))
        titles[engine] = summary["query"]["title"]
    assert titles["flat"] == titles["milvus"]
    assert title.startswith(titles["flat"])
    assert 65_535 - 3 < len(titles["flat"].encode()) <= 65_535


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("id", "i" * 70_000, "its id has 70,000 bytes"),
        ("id", "é" * 40_000, "its id has 80,000 bytes"),
        ("film", "f" * 70_000, "its film has 70,000 bytes"),
        ("img", "映" * 30_000, "its img has 90,000 bytes"),
        ("genres", "g" * 1025, "its genre has 1,025 bytes"),
        ("genres", "|".join(map(str, range(1025))), "its list has 1,025 genres"),
    ],
)
def test_texts_that_milvus_cannot_hold_are_named_before_anything_is_written(column, text, message, tmp_path):
    with pytest.raises(InputError, match=message) as error:
        build_milvus(lengthened(column, text), str(tmp_path / "a.db"))
    assert len(str(error.value)) < 300
    assert "build it again" not in str(error.value)
    assert not (tmp_path / "a.db").exists()


def test_more_genres_than_the_registry_holds(tmp_path):
    exact = source(120)
    posters = exact.posters.assign(genres=[f"{i:03}{'g' * 900}" for i in range(120)])
    with pytest.raises(InputError, match="120 genres"):
        build_milvus(PosterIndex.of(exact.vectors(), posters, NOTES), str(tmp_path / "a.db"))


@pytest.mark.parametrize(("column", "text"), [("id", "é" * 30_000), ("genres", "é" * 512), ("title", "映" * 21_845)])
def test_the_longest_texts_come_back(column, text, tmp_path):
    exact = lengthened(column, text)
    built, _ = build_milvus(exact, str(tmp_path / "a.db"))
    assert built.metadata(np.array([7]))[0][column] == text
    built.close()


def test_an_index_stays_where_another_cannot_be_made(tmp_path, monkeypatch):
    exact = source(20)
    exact.save(tmp_path)
    with pytest.raises(InputError, match="dead"):
        MilvusEngine.build(exact, Target(tmp_path, 0.9, {"uri": "http://dead.invalid:1"}))
    assert len(PosterIndex.load(tmp_path)) == 20


def test_more_requested_than_there_is(pair):
    _, index = pair
    few = index.selection(["Comedy"], (1981, 1981))
    scores, rows = index.search(clustered(1), 600, few)
    assert (rows[0] >= 0).sum() == len(few)
    assert np.isneginf(scores[0, len(few) :]).all()


def test_filters_that_leave_nothing(pair):
    _, index = pair
    assert index.selection() is None
    with pytest.raises(InputError, match=r"Western.*Comedy, Drama, Horror"):
        index.selection(["Western"])
    with pytest.raises(InputError, match="no poster"):
        index.selection(["Comedy"], (1800, 1801))


def test_a_stopped_filling_continues(tmp_path, monkeypatch):
    uri, exact = str(tmp_path / "a.db"), source(450)
    monkeypatch.setattr(milvus_build, "BATCH_BYTES", 0)  # batches of 100

    class Stopped(Exception):
        pass

    def stop(done, total):
        if done == 300:
            raise Stopped

    with pytest.raises(Stopped):
        build_milvus(exact, uri, progress=stop)
    with pytest.raises(InputError, match="no such file"):
        MilvusIndex.open(uri)
    reports = []
    built, _ = build_milvus(exact, uri, progress=lambda done, total: reports.append(done))
    built.close()
    assert reports == [400, 450]
    again = MilvusIndex.open(uri)
    np.testing.assert_array_equal(again.vectors(), exact.vectors())
    again.close()
    build_milvus(exact, uri, progress=lambda done, total: reports.append(done))[0].close()
    assert reports == [400, 450]


@pytest.mark.parametrize("harm", [None, "draft"])
def test_a_stopped_rebuild_leaves_the_old_file(harm, tmp_path, monkeypatch):
    uri, before, after = tmp_path / "a.db", source(120), source(250, seed=5)
    build_milvus(before, str(uri), "other")[0].close()
    build_milvus(before, str(uri))[0].close()
    monkeypatch.setattr(milvus_build, "BATCH_BYTES", 0)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_milvus(after, str(uri), replace=True, progress=stop)
    old = MilvusIndex.open(str(uri))
    np.testing.assert_array_equal(old.vectors(), before.vectors())
    old.close()
    [draft] = [path for path in tmp_path.iterdir() if path != uri]
    if harm == "draft":
        for path in draft.rglob("*"):
            if path.is_file():
                path.write_bytes(b"cut short")
    built, _ = build_milvus(after, str(uri), replace=True)
    np.testing.assert_array_equal(built.vectors(), after.vectors())
    built.close()
    beside = MilvusIndex.open(str(uri), "other")
    np.testing.assert_array_equal(beside.vectors(), before.vectors())
    beside.close()
    assert list(tmp_path.iterdir()) == [uri]


def test_other_contents_are_kept_unless_one_says_so(tmp_path):
    uri = str(tmp_path / "a.db")
    build_milvus(source(120), uri)[0].close()
    other = source(130, seed=5)
    with pytest.raises(InputError, match=r"something else.*`replace`") as summary:
        build_milvus(other, uri)
    assert "\n" not in str(summary.value)
    build_milvus(other, uri, "second")[0].close()
    built, _ = build_milvus(other, uri, replace=True)
    np.testing.assert_array_equal(built.vectors(), other.vectors())
    assert len(built) == built.count() == 130
    built.close()


def test_a_file_of_the_former_name_is_read(monkeypatch, tmp_path):
    uri = tmp_path / "a.db"
    monkeypatch.setattr("keyart.retrieval.engines.milvus_client.REGISTRY", "onesheet_collections")
    monkeypatch.setattr("keyart.retrieval.engines.milvus_build.CONTENTS", "onesheet.json")
    build_milvus(source(120), str(uri), "onesheet")[0].close()
    assert not (uri / "keyart.json").exists()
    index = MilvusIndex.open(str(uri))
    assert (len(index), index.collection) == (120, "onesheet")
    index.close()


@pytest.mark.parametrize("harm", ["flip", "remove", "unfinished"])
def test_damage_is_reported(harm, tmp_path):
    uri = tmp_path / "a.db"
    build_milvus(source(120), str(uri))[0].close()
    data = next((uri / "collections" / "keyart").rglob("*.parquet"))
    if harm == "flip":
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 1
        data.write_bytes(content)
    elif harm == "remove":
        data.unlink()
    else:
        (uri / "keyart.json").unlink()
    with pytest.raises(InputError, match=str(uri)) as summary:
        MilvusIndex.open(str(uri))
    assert "\n" not in str(summary.value)


def test_one_process_at_a_time_holds_the_file(tmp_path):
    import fcntl

    uri = tmp_path / "a.db"
    build_milvus(source(120), str(uri))[0].close()
    with (uri / "LOCK").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process"):
            MilvusIndex.open(str(uri))


def test_an_idle_connection_to_a_file_is_left_alone(tmp_path):
    """The embedded server ends connections that are probed, and gRPC writes so among a command's messages."""
    uri = str(tmp_path / "a.db")
    client = connect(uri, create=True)
    try:
        assert client._handler._grpc_options["grpc.keepalive_time_ms"] == 2**31 - 1
        assert os.environ["GRPC_VERBOSITY"] == "NONE"
    finally:
        disconnect(client, uri)


def test_the_servers_threads_end_without_a_word_and_others_are_reported(tmp_path, monkeypatch):
    reported = []
    monkeypatch.setattr("threading.excepthook", reported.append)
    for name in ("a.db", "b.db"):  # the program's own report is asked once
        uri = str(tmp_path / name)
        disconnect(connect(uri, create=True), uri)

    def fail():
        raise ValueError("server must be started and not shutting down")

    for name in ("Thread-1 (_serve)", "mine"):
        thread = threading.Thread(target=fail, name=name)
        thread.start()
        thread.join()
    assert [raised.thread.name for raised in reported] == ["mine"]


def test_passwords_are_not_reported():
    assert redact_uri("https://me:secret@host.example:19530/db") == "https://host.example:19530/db"
    with pytest.raises(InputError) as summary:
        MilvusIndex.open("http://me:secret@127.0.0.1:9")
    assert "secret" not in str(summary.value)


@pytest.mark.parametrize(
    "uri",
    ["", "a", "a.db.txt", "http://", "http://:19530", "http://me:secret@h:99999", "http://[::1", "http://h:x", "//x"],
)
def test_addresses_that_are_none(uri, keyart, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pymilvus.MilvusClient", lambda *given, **named: pytest.fail("connected all the same"))
    run = made[2][0][0]
    for line in (["index", run, "--engine", "milvus"], ["search", run, "p0001"]):
        code, _, err = keyart(*line, "--uri", uri)
        assert code == 2
        assert "--uri" in err
        assert "secret" not in err
        assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_what_lies_there_already_and_names_that_milvus_does_not_take(keyart, made, tmp_path):
    run, taken = made[2][0][0], tmp_path / "a.db"
    taken.write_text("something else")
    refused(keyart("index", run, "--engine", "milvus", "--uri", taken), taken, "something else")
    refused(keyart("search", run, "p0001", "--uri", taken), taken)
    for name in ("a b", "x" * 256, "1a", "ä", "keyart_collections", "a;drop"):
        line = ["index", run, "--engine", "milvus", "--uri", tmp_path / "b.db", "--collection", name]
        refused(keyart(*line), f"--collection {name[:80]}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_the_commands_work_on_either_engine(keyart, made, tmp_path):
    run, other = made[2][0][0], made[2][1][0]
    out = tmp_path / "i"
    built = found(keyart("index", run, "--engine", "milvus", "--recall", "1", "--out", out, "--json"))
    assert built["engine"] == "milvus"
    assert built["recall@10"] == pytest.approx(1)
    asked = ("search", run, "p0005", "-k", 5)
    for more in (
        [],
        ["--genre", "drama", "--year", "1980-1999"],
        ["--hide-duplicates", "--diverse"],
        ["--png", tmp_path / "a.png"],
    ):
        own = found(keyart(*asked, *more, "--json"))
        for where in (["--index", out], ["--uri", out / "milvus.db"]):
            there = found(keyart(*asked, *more, *where, "--json"))
            assert there["query"] == own["query"]
            for one, two in zip(there["neighbours"], own["neighbours"], strict=True):
                assert one.pop("score") == pytest.approx(two["score"], abs=1e-5)
                assert one.items() <= two.items()
    by_title = found(keyart("search", run, "film 5", "--uri", out / "milvus.db", "--json"))
    assert by_title["query"]["id"] == "p0005"
    moved = shutil.move(out, tmp_path / "moved")
    assert found(keyart(*asked, "--index", moved, "--json"))["query"]["id"] == "p0005"
    refused(keyart("search", other, "p0005", "--index", moved), "another embedder")
    refused(keyart("search", run, "p9999", "--index", moved), "p9999")
    refused(keyart("search", run, "p0005", "--uri", tmp_path / "none.db"), "none.db")
    refused(keyart("search", run, "p0005", "--uri", "http://127.0.0.1:9"), "http://127.0.0.1:9")
    refused(keyart("search", run, "p0005", "--uri", moved / "milvus.db", "--collection", "no"), "'no'")
    refused(keyart("search", run, "p0005", "--uri", moved / "milvus.db", "--index", moved), "name one of them")
    refused(keyart("search", run, "p0005", "--collection", "no"), "--uri")
    refused(keyart("index", run, "--engine", "flat", "--uri", "a.db", "--out", tmp_path / "j"), "--engine milvus")
    refused(keyart("index", run, "--engine", "milvus", "--uri", tmp_path / "a.txt"), "a.txt")
    refused(keyart("index", run, "--engine", "milvus"), "--out")


@pytest.mark.parametrize(
    "uri", ["http://evil.example:19530", "https://me:pw@evil.example", "unix://x.db", "../a.db", "/abs/a.db"]
)
@pytest.mark.parametrize("command", ["search", "recommend", "explain"])
def test_a_folder_never_chooses_the_server(uri, command, keyart, made, tmp_path, monkeypatch):
    """An index.json from someone else could otherwise send the token to any host."""
    run = shutil.copytree(made[2][0][0], tmp_path / "run")
    about = {"version": 1, "engine": "milvus", "uri": uri, "collection": "a b", "posters": 24}
    (run / "index" / "index.json").write_text(json.dumps(about))
    monkeypatch.setenv("MILVUS_TOKEN", "secret")
    dialled = []
    monkeypatch.setattr("pymilvus.MilvusClient", lambda *given, **named: dialled.append(given))
    rest = {"search": ["p0005"], "recommend": ["--liked", "p0005"], "explain": ["p0005", "p0006", "--json"]}[command]
    refused(keyart(command, run, *rest), "elsewhere", f"--uri {redact_uri(uri)} --collection 'a b'")
    assert not dialled


def test_a_link_out_of_the_folder_is_elsewhere(keyart, made, tmp_path):
    run = made[2][0][0]
    found(keyart("index", run, "--engine", "milvus", "--out", tmp_path / "i", "--json"))
    (tmp_path / "i" / "milvus.db").rename(tmp_path / "moved.db")
    (tmp_path / "i" / "milvus.db").symlink_to(tmp_path / "moved.db")
    refused(keyart("search", run, "p0005", "--index", tmp_path / "i"), "elsewhere")


def test_an_index_elsewhere_and_one_that_is_written_over(keyart, made, tmp_path):
    run, other = made[2][0][0], made[2][1][0]
    uri, out = tmp_path / "db" / "a.db", tmp_path / "i"
    found(keyart("index", run, "--engine", "milvus", "--uri", uri, "--out", out, "--json"))
    assert json.loads((out / "index.json").read_text())["uri"] == str(uri)
    refused(keyart("search", run, "p0005", "--index", out), out, f"--uri {uri} --collection keyart")
    assert found(keyart("search", run, "p0005", "--uri", uri, "--collection", "keyart", "--json"))["neighbours"]
    refused(keyart("index", other, "--engine", "milvus", "--uri", uri), uri, "--replace")
    found(keyart("index", other, "--engine", "milvus", "--uri", uri, "--replace", "--json"))
    refused(keyart("search", run, "p0005", "--uri", uri), "another embedder")
    # An index in the folder itself is overwritten, as with the other engines.
    found(keyart("index", run, "--engine", "milvus", "--out", tmp_path / "k", "--json"))
    found(keyart("index", other, "--engine", "milvus", "--out", tmp_path / "k", "--json"))
    assert found(keyart("search", other, "p0005", "--index", tmp_path / "k", "--json"))["neighbours"]
    found(keyart("index", other, "--engine", "flat", "--out", tmp_path / "k", "--json"))
    assert found(keyart("search", other, "p0005", "--index", tmp_path / "k", "--json"))["neighbours"]
