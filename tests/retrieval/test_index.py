"""The index on disk (complete, memory-mapped, with its embedder), and engines compared with exact search."""

import json
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keyart.errors import InputError
from keyart.retrieval.engines.ivfpq import IVFPQEngine
from keyart.retrieval.engines.recall_probe import RecallProbe
from keyart.retrieval.engines.registry import find_engine
from keyart.retrieval.faiss_files import write_faiss
from keyart.retrieval.index import PosterIndex
from tests.indexes import clustered, make_index, table


def exact(vectors, queries, k, rows=None):
    rows = np.arange(len(vectors)) if rows is None else np.asarray(rows)
    scores = queries @ vectors[rows].T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1), rows[order]


def with_engine(kind, n=3000, recall=0.95):
    index = PosterIndex.of(clustered(n), table(n))
    engine, found = find_engine(kind).fit(index.index, recall)
    return PosterIndex(index.index, index.posters, engine), found


def test_flat_search_is_exact_and_comes_back_from_disk(tmp_path):
    index = make_index(300)
    vectors = clustered(300)
    index.save(tmp_path / "index")
    again = PosterIndex.load(tmp_path / "index")
    for one in (index, again):
        scores, rows = one.search(vectors[:7], 10)
        wanted_scores, expected = exact(vectors, vectors[:7], 10)
        np.testing.assert_array_equal(rows, expected)
        np.testing.assert_allclose(scores, wanted_scores, atol=1e-6)
    np.testing.assert_array_equal(again.vectors(), vectors)
    assert again.posters.equals(index.posters)


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_an_engine_reaches_the_requested_recall_with_exact_scores(kind, tmp_path):
    index, found = with_engine(kind)
    assert found >= 0.95
    vectors = index.vectors()
    queries = clustered(3040)[::76]  # from the same clusters; most are not rows of the index
    _, expected = exact(vectors, queries, 10)
    scores, rows = index.search(queries, 10)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, expected, strict=True)]) >= 0.85
    np.testing.assert_allclose(scores, np.einsum("qe,qke->qk", queries, vectors[rows]), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    index.save(tmp_path / "index")
    again = PosterIndex.load(tmp_path / "index")
    assert again.engine is not None
    assert (again.engine.name, again.engine.effort) == (kind, index.engine.effort)
    np.testing.assert_array_equal(again.search(queries, 10)[1], rows)
    del index  # the graph loaded from disk must keep its vectors alive
    np.testing.assert_array_equal(again.search(queries, 10)[1], rows)


def test_more_recall_costs_more_effort_and_agreement_falls_without_it():
    index, _ = with_engine("ivfpq", recall=0.99)
    engine, probe = index.engine, RecallProbe.of(index.index)
    lazy = IVFPQEngine(engine.index, 1, 1, index.index)
    assert lazy.measure(probe)[0] < engine.measure(probe)[0]
    assert probe.share(*index.index.search(probe.queries, probe.neighbours + 1))[0] == 1.0


def test_queries_that_are_no_rows_find_as_much_as_was_measured():
    """A query that is a row takes one of its own proposals; this must not raise the measured recall."""
    vectors = clustered(6500, 32)
    own, queries = vectors[:6000], vectors[6000:]
    index = PosterIndex.of(own, table(6000))
    engine, found = IVFPQEngine.fit(index.index, 0.9)
    expected = exact(own, queries, 10)[1]
    rows = engine.search(queries, 10)[1]
    assert found >= 0.9
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, expected, strict=True)]) >= 0.88


def test_many_neighbours_are_found_too():
    """Parameters are chosen for 10 neighbours; more neighbours need more lists."""
    index, _ = with_engine("ivfpq", 6000)
    queries = index.vectors()[::100]
    expected = exact(index.vectors(), queries, 400)[1]
    scores, rows = index.search(queries, 400)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, expected, strict=True)]) >= 0.9
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_a_handful_of_posters(kind, n):
    index, found = with_engine(kind, n)
    assert found == 1.0
    assert index.search(index.vectors(), 1)[1][:, 0].tolist() == list(range(n))


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivfpq"])
@pytest.mark.parametrize("scored_whole", [0, 10_000], ids=["selector", "scored whole"])
def test_a_filtered_search_finds_only_the_allowed_rows(kind, scored_whole, monkeypatch):
    monkeypatch.setattr("keyart.retrieval.index.MAX_EXACT_FILTERED_ROWS", scored_whole)
    index, _ = with_engine(kind, 1000)
    allowed = np.arange(1, 1000, 3)
    queries = clustered(9, seed=2)
    scores, rows = index.search(queries, 5, allowed)
    assert np.isin(rows[rows >= 0], allowed).all()
    if kind == "flat" or scored_whole:
        np.testing.assert_array_equal(rows, exact(index.vectors(), queries, 5, allowed)[1])
    assert np.isneginf(scores[rows < 0]).all()


def test_more_requested_than_there_is():
    scores, rows = make_index(4).search(clustered(1), 6)
    assert (rows[0] >= 0).sum() == 4
    assert np.isneginf(scores[0, 4:]).all()


@pytest.mark.parametrize("name", ["vectors.faiss", "posters.parquet", "engine.faiss", "index.json"])
@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_damage_is_reported(name, harm, tmp_path):
    index, _ = with_engine("hnsw", 400)
    index.save(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    if harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "flip":
        middle = len(data) // 2 if name != "index.json" else data.index(b'"posters"') + 1
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    else:
        path.unlink()
    with pytest.raises(InputError, match=str(tmp_path)) as summary:
        PosterIndex.load(tmp_path)
    assert "\n" not in str(summary.value)


@pytest.mark.parametrize("column", ["id", "title", "year", "genres"])
def test_a_table_of_other_types_is_refused(column, tmp_path):
    index, _ = with_engine("flat", 30)
    index.posters[column] = pd.Timestamp("2020-01-01")
    index.save(tmp_path)
    with pytest.raises(InputError, match=f"column {column} is of type timestamp.*build it again"):
        PosterIndex.load(tmp_path)


def test_an_engine_that_fails_is_one_line(monkeypatch):
    index, _ = with_engine("hnsw", 400)

    def fails(*given):
        raise RuntimeError("Error in virtual void faiss\nand more")

    monkeypatch.setattr(index.engine, "search", fails)
    with pytest.raises(InputError, match=r"hnsw fails \(Error in virtual void faiss\); build it again"):
        index.search(clustered(1), 3)


def embedder_folder(folder, weights):
    folder.mkdir(parents=True)
    (folder / "embedder.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_an_index_of_another_embedder_is_refused(tmp_path):
    from keyart.utils.checksums import embedder_digest

    mine = embedder_folder(tmp_path / "mine" / "embedder", b"one")
    copy = embedder_folder(tmp_path / "copy" / "embedder", b"one")
    other = embedder_folder(tmp_path / "other" / "embedder", b"two")
    index = make_index(50)
    index.save(tmp_path / "mine" / "index")
    PosterIndex.load(tmp_path / "mine" / "index", mine)
    PosterIndex.load(tmp_path / "mine" / "index", copy)
    with pytest.raises(InputError, match="another embedder"):
        PosterIndex.load(tmp_path / "mine" / "index", other)
    elsewhere = PosterIndex(index.index, index.posters, None, {"embedder": embedder_digest(mine)})
    elsewhere.save(tmp_path / "elsewhere")
    PosterIndex.load(tmp_path / "elsewhere", copy)
    with pytest.raises(InputError, match="another embedder"):
        PosterIndex.load(tmp_path / "elsewhere", other)
    index.save(tmp_path / "unknown")
    with pytest.raises(InputError, match="another embedder"):
        PosterIndex.load(tmp_path / "unknown", mine)


def test_a_mapped_index_may_be_saved_over_itself(tmp_path):
    make_index(60).save(tmp_path)
    opened = PosterIndex.load(tmp_path)
    before = opened.vectors()
    opened.save(tmp_path)
    np.testing.assert_array_equal(PosterIndex.load(tmp_path).vectors(), before)
    assert json.loads((tmp_path / "index.json").read_text())["posters"] == 60


@pytest.mark.parametrize(
    "broken", ["keyart.retrieval.index.faiss.write_index", "pandas.DataFrame.to_parquet", "os.fsync"]
)
def test_a_rebuild_that_fails_leaves_the_old_index(broken, tmp_path, monkeypatch):
    make_index(60).save(tmp_path / "index")
    before = PosterIndex.load(tmp_path / "index").vectors()

    def fail(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(OSError, match="No space"):
        make_index(40).save(tmp_path / "index")
    np.testing.assert_array_equal(PosterIndex.load(tmp_path / "index").vectors(), before)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("missing", [1, 3_000, 9_000])
def test_an_index_whose_end_cannot_be_written_is_refused(missing, tmp_path):
    index = make_index(60).index
    write_faiss(index, tmp_path / "whole.faiss")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "whole.faiss").stat().st_size - missing, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_faiss(index, tmp_path / "cut.faiss")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.faiss"]


REBUILD = """
    import sys, time
    from pathlib import Path
    from keyart.retrieval import index
    from tests.indexes import make_index

    def describe(folder, names):
        print("built", flush=True)
        time.sleep(60)

    index.describe_files = describe
    make_index(40).save(Path(sys.argv[1]))
"""


def test_a_rebuild_that_is_killed_leaves_the_old_index(tmp_path):
    make_index(60).save(tmp_path / "index")
    line = [sys.executable, "-c", textwrap.dedent(REBUILD), str(tmp_path / "index")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout.readline() == b"built\n"
        process.kill()
    assert len(PosterIndex.load(tmp_path / "index")) == 60
    make_index(40).save(tmp_path / "index")
    assert len(PosterIndex.load(tmp_path / "index")) == 40
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_search_also_where_torch_utils_has_replaced_faiss_own():
    import faiss.contrib.torch_utils

    rng = np.random.default_rng(0)
    flat = faiss.IndexFlatIP(8)
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    flat.add(vectors)
    allowed = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.arange(10)))
    from keyart.retrieval.exact_search.faiss_search import numpy_search

    assert numpy_search(flat)(vectors[:2], 3, params=allowed)[1].max() < 10


def test_an_unknown_engine_is_one_line_with_the_registered_names(tmp_path):
    with pytest.raises(InputError, match="engine annoy: unknown; choose one of flat, hnsw, ivfpq, milvus"):
        find_engine("annoy")
    make_index(50).save(tmp_path)
    about = tmp_path / "index.json"
    about.write_text(about.read_text().replace('"flat"', '"annoy"'))
    with pytest.raises(InputError, match=f"{tmp_path}: engine annoy: unknown; .*milvus, or build it again"):
        PosterIndex.load(tmp_path)


@pytest.mark.parametrize("parameters", [{"effort": "64", "rescored": 1}, {"effort": 0, "rescored": 1}, {"effort": 64}])
def test_parameters_of_an_engine_that_are_no_such_numbers_are_refused(parameters, tmp_path):
    with_engine("hnsw", 50)[0].save(tmp_path)
    about = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**about, "parameters": parameters}))
    with pytest.raises(InputError, match=f"{tmp_path}: the index cannot be read"):
        PosterIndex.load(tmp_path)
