"""The methods of `keyart.Run` and their results; the console command prints the same."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import keyart
from keyart.models import embedder as embedders


@pytest.fixture(scope="module")
def files(posters):
    return sorted((posters / "posters").iterdir())


def test_every_kind_of_image_has_the_same_vector(run, files):
    path = files[3]
    picture = Image.open(path)
    array = np.asarray(picture)
    tensor = torch.from_numpy(array.copy()).permute(2, 0, 1)
    kinds = [str(path), path, path.read_bytes(), picture, array, array / 255, tensor, tensor.float() / 255]
    vectors = run.embed(kinds, progress=False)
    assert vectors.shape == (len(kinds), run.embedder.embedding_size)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors @ vectors[0], 1, atol=2e-3)
    np.testing.assert_allclose(vectors[3:] @ vectors[3], 1, atol=1e-6)


def test_one_image_is_one_vector_and_none_are_no_rows(run, files):
    one = run.embed(files[0])
    assert one.shape == (run.embedder.embedding_size,)
    np.testing.assert_allclose(run.embed(files[:2])[0], one, atol=1e-5)
    assert run.embed([]).shape == (0, run.embedder.embedding_size)


def test_embeddings_are_those_of_the_index(run, files):
    np.testing.assert_allclose(run.embed(files[:5]), run.index.vectors(np.arange(5)), atol=1e-4)


def test_a_long_iterable_is_read_as_it_is_embedded(run, files):
    seen, reports, most = [], [], 0

    def stream():
        for number in range(40):
            seen.append(number)
            yield files[number % 7]

    def report(done, total):
        nonlocal most
        most = max(most, len(seen) - done)
        reports.append((done, total))

    vectors = run.embed(stream(), batch_size=4, progress=report)
    assert len(vectors) == 40
    np.testing.assert_allclose(vectors[:33], vectors[7:], atol=1e-5)
    assert reports == [(done, None) for done in range(4, 41, 4)]
    assert most <= 8


def test_batches_of_a_loader_are_flattened(run, files):
    arrays = np.stack([np.asarray(Image.open(path)) for path in files[:6]])
    loader = torch.utils.data.DataLoader(torch.from_numpy(arrays).permute(0, 3, 1, 2), batch_size=4)
    np.testing.assert_allclose(run.embed(loader), run.embed(arrays), atol=1e-6)
    np.testing.assert_allclose(run.embed(list(loader)), run.embed(arrays), atol=1e-6)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("nowhere.jpg", "nowhere.jpg: missing image"),
        (b"no image", "image 1 (bytes): unreadable image"),
        (np.zeros((5, 5, 3), np.uint8), "image 1 (ndarray): tiny image"),
        (np.full((64, 48, 3), 7.0), "values outside [0, 1]"),
        (np.zeros((64, 48, 7), np.uint8), "an array of shape (64, 48, 7)"),
        (np.zeros((64, 48, 3), np.int64), "an array of int64"),
        (42, "image 1 (int): unreadable image"),
    ],
)
def test_a_bad_image_is_named_or_skipped_and_listed(run, files, bad, named):
    with pytest.raises(keyart.InputError, match="on_bad='skip'") as error:
        run.embed([files[0], bad, files[1]])
    assert named in str(error.value)
    vectors, positions, skipped = run.embed([files[0], bad, files[1]], on_bad="skip")
    np.testing.assert_array_equal(positions, [0, 2])
    np.testing.assert_allclose(vectors, run.embed(files[:2]), atol=1e-5)
    assert [one.position for one in skipped] == [1]
    assert named.rpartition(": ")[2] in skipped[0].reason


def test_arguments_are_checked(run, files):
    for options, named in [({"batch_size": 0}, "batch_size=0"), ({"on_bad": "x"}, "on_bad=x")]:
        with pytest.raises(keyart.InputError, match=named):
            run.embed(files[:1], **options)
    with pytest.raises(keyart.InputError, match="give either history or liked"):
        run.recommend()
    with pytest.raises(keyart.InputError, match="recommend_all takes all users"):
        run.recommend(history="history.csv")
    with pytest.raises(keyart.InputError, match="k=0"):
        run.recommend("p0003", k=0)
    with pytest.raises(keyart.InputError, match="needs catalogue"):
        run.evaluate(images="x")


def test_bfloat16_is_close(run, files):
    near = (run.embed(files[:8], precision="bf16") * run.embed(files[:8], precision="fp32")).sum(1)
    assert near.min() > 0.9
    assert near.min() < 1 - 1e-6


def test_search_by_id_title_image_and_vector(run, files, keyart):
    by_id = run.search("p0003", k=5)
    assert by_id.ids == run.search("film 3", k=5).ids
    assert by_id.ids == [one["id"] for one in by_id]
    assert len(by_id) == 5
    np.testing.assert_allclose(by_id.scores, by_id.to_pandas()["score"], atol=1e-5)
    for image in (files[3], str(files[3]), Image.open(files[3]), run.embed(files[3])):
        hits = run.search(image, k=6)
        assert hits.ids == ["p0003", *by_id.ids]
    code, out, err = keyart("search", run.folder, "p0003", "-k", 5, "--json")
    assert code == 0, err
    assert json.loads(out) == by_id.to_dict()
    assert isinstance(run.search(["p0003"]), list)
    assert [hits.ids for hits in run.search(["p0003", files[3]], k=5)] == [by_id.ids, ["p0003", *by_id.ids[:4]]]


def test_filters_and_duplicates(run, posters):
    table = pd.read_csv(posters / "catalogue.csv")
    hits = run.search(Image.open(posters / "posters" / "p0003.jpg"), k=3, genres=["Drama"], hide_duplicates=True)
    genres = table.set_index(table["img"].str[:5])["genres"]
    assert all("Drama" in genres[one] for one in hits.ids)
    with pytest.raises(keyart.InputError, match="16 finite numbers"):
        run.search(np.ones(3))


def test_results_display_themselves(run, files, posters):
    hits = run.search("p0003", k=4)
    assert repr(hits).splitlines()[0] == "SearchHits like Film 3: the 4 nearest of 120"
    assert hits[0]["title"] in repr(hits)
    assert hits._repr_html_().count("<img") == 5
    assert hits[0]["title"] in hits._repr_html_()
    for query in (files[3], Image.open(files[3]), run.embed(files[3])):
        one = run.search(query, k=4)
        assert one._repr_html_().count("<img") == 5
        assert one.picture().size[0] > 200
    why = run.explain("p0003", "p0004")
    assert f"{why.similarity:.4f}" in repr(why)
    assert "<img" in why._repr_html_()
    cells = why.to_pandas()
    assert len(cells) == sum(part.size for part in why.regions)
    assert why.to_dict()["cues"]["baseline"] + sum(why.cues.values()) == pytest.approx(why.similarity, abs=1e-4)
    for poster, part in enumerate(why.regions):
        assert cells.loc[cells["poster"] == poster, "attribution"].sum() == pytest.approx(part.sum())


def test_images_in_memory_are_explained(run, files):
    by_id = run.explain("p0003", "p0004")
    in_memory = run.explain(Image.open(files[3]), "p0004")
    assert in_memory.similarity == pytest.approx(by_id.similarity, abs=1e-6)
    assert in_memory.picture().size == by_id.picture().size
    with pytest.raises(keyart.InputError, match="a vector has no image"):
        run.explain(run.embed(files[3]), "p0004")


def test_titles_are_text(run, monkeypatch):
    hits = run.search("p0003", k=1)
    hits.to_dict()["neighbours"][0]["title"] = "<script>alert(1)</script>"
    assert "<script>" not in hits._repr_html_()


def test_show_opens_a_picture_or_prints(run, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda picture: shown.append(picture.size))
    run.search("p0003", k=2).show()
    run.explain("p0003", "p0004").show()
    assert len(shown) == 2
    films = run.recommend("p0003,p0004", k=2)
    films.show()
    assert capsys.readouterr().out.strip() == repr(films)


def test_recommend(run, tmp_path, keyart):
    films = run.recommend(["p0003", "Film 4"], k=5)
    assert len(films.ids) == 5
    assert not {"p0003", "p0004"} & set(films.ids)
    assert list(films.to_pandas()["id"]) == films.ids
    code, out, err = keyart("recommend", run.folder, "--liked", "p0003,p0004", "-k", 5, "--json")
    assert code == 0, err
    assert json.loads(out) == films.to_dict()
    rows = [(user, f"p{film:04d}", 5) for user in (1, 2) for film in range(user, 40, 3)]
    history = tmp_path / "history.csv"
    pd.DataFrame(rows, columns=["userId", "id", "rating"]).to_csv(history, index=False)
    one = run.recommend(history=history, user=1, k=4)
    everybody = run.recommend_all(history, tmp_path / "all.parquet", k=4).to_pandas()
    assert list(everybody.loc[everybody["user"] == "1", "id"]) == one.ids


def test_evaluate(run, posters, keyart):
    result = run.evaluate()
    score = result["ndcg@10"]
    assert score.value == pytest.approx(run.metrics["test/ndcg@10"])
    assert score.frozen == pytest.approx(run.metrics["test/ndcg@10/frozen"])
    assert score.interval.low < score.value < score.interval.high
    assert score.lift == run.metrics["test/ndcg@10/lift"]
    table = result.to_pandas()
    assert table.loc["ndcg@10", "chance"] == score.chance
    assert set(table.index) == set(result)
    assert result.per_query["ndcg@10"].mean() == pytest.approx(score.value)
    assert "ndcg@10" in repr(result)
    assert "<table" in result._repr_html_()
    with pytest.raises(KeyError, match="choose one of"):
        result["nDCG"]
    new = run.evaluate(posters / "catalogue.csv", images=posters / "posters")
    assert (new.split, new.queries, new.gallery) == ("eval", 120, 120)
    code, out, err = keyart("evaluate", run.folder, "--json")
    assert code == 0, err
    assert json.loads(out) == result.to_dict()


def test_the_embedder_is_loaded_once_by_many_threads(run, files, monkeypatch):
    loaded = []
    load = embedders.load_embedder
    monkeypatch.setattr(embedders, "load_embedder", lambda folder: loaded.append(folder) or load(folder))
    fresh = keyart.load(run.folder)
    expected = [run.search(path, k=3) for path in files[:12]]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda path: fresh.search(path, k=3), files[:12]))
    assert len(loaded) == 1
    assert [one.ids for one in found] == [one.ids for one in expected]
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.scores, two.scores, atol=1e-5)


def test_a_service_needs_the_weights_alone(run, files):
    embedder = keyart.load_embedder(run.folder / "embedder")
    assert isinstance(embedder, torch.nn.Module)
    found = embedder.encoder("cpu").embed(files[:3], progress=False).vectors
    np.testing.assert_allclose(found, run.embed(files[:3]), atol=1e-6)


def test_pictures_survive_truncation_errors(run, files):
    whole = files[0].read_bytes()
    cut = Image.open(io.BytesIO(whole[: len(whole) // 2]))
    with pytest.raises(keyart.InputError, match="image 0"):
        run.embed([cut])
