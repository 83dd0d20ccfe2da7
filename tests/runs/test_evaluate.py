"""`keyart evaluate` with pairs, history and baselines, compared with plain recomputation."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from keyart.catalogue.history import read_history
from keyart.catalogue.reader import read_catalogue
from keyart.cli import app as cli
from keyart.errors import InputError
from keyart.images.pixel_cache import open_pixels
from keyart.images.posters import load_posters
from keyart.models.embedder import embed, load_frozen
from keyart.recommend.cowatch import co_watched, concatenate_unit
from keyart.runs.evaluate import evaluate_run
from keyart.runs.evaluation.baselines import classifier_probabilities
from keyart.runs.evaluation.pairs import open_pairs
from keyart.runs.run import Run
from tests.helpers import draw_posters


def vectors_of(run, posters, artwork):
    """Return unit embeddings and pooled features of the catalogue and of the artwork, without the feature cache."""
    catalogue, _ = read_catalogue(posters / "catalogue.csv", posters / "posters")
    own = load_posters(catalogue, image_size=run.image_size)
    others, _, _ = open_pixels([artwork / f"o{i:02d}.png" for i in range(20)], run.image_size)
    frozen = load_frozen(run.folder / "embedder")
    found = []
    for model in (run.embedder, lambda images: frozen(images)[:, : frozen.num_features]):
        pair = [embed(model, pixels, precision="fp32").numpy() for pixels in (own.pixels, others)]
        found.append([part / np.linalg.norm(part, axis=1, keepdims=True) for part in pair])
    return catalogue, *found


def recall(gallery, queries, targets, k):
    return float(np.mean([t in np.argsort(-gallery @ q)[:k] for q, t in zip(queries, targets, strict=True)]))


def test_pairs_equal_a_plain_search(run, posters, artwork):
    metrics = evaluate_run(run, pairs=artwork / "pairs.csv").metrics
    _, (gallery, queries), (base, base_queries) = vectors_of(run, posters, artwork)
    for k in (1, 10):
        name = f"pairs/recall@{k}"
        assert metrics[name] == pytest.approx(recall(gallery, queries, range(20), k))
        assert metrics[f"{name}/frozen"] == pytest.approx(recall(base, base_queries, range(20), k))
        assert metrics[f"{name}/chance"] == pytest.approx(k / 120)
        span = metrics[f"{name}/frozen"] - k / 120
        noise = 1.96 * np.std(np.arange(20) < round(20 * metrics[f"{name}/frozen"]), ddof=1) / np.sqrt(20)
        expected = pytest.approx((metrics[name] - k / 120) / span) if span > noise else None
        assert metrics[f"{name}/lift"] == expected
    assert (metrics["pairs/queries"], metrics["pairs/gallery"]) == (20, 120)
    assert metrics["pairs/recall@10"] > metrics["pairs/recall@10/chance"]
    counted = 0
    for split in ("val", "test"):
        inside = [i for i in range(20) if run.splits[f"p{i:04d}"] == split]
        counted += len(inside)
        assert metrics[f"{split}/pairs/queries"] == len(inside)
        assert metrics[f"{split}/pairs/gallery"] == 120
        if inside:
            expected = recall(gallery, queries[inside], inside, 10)
            assert metrics[f"{split}/pairs/recall@10"] == pytest.approx(expected)
    assert counted


def test_a_given_catalogue_is_the_gallery(run, posters, artwork, tmp_path):
    table = pd.read_csv(posters / "catalogue.csv").head(30)
    table.to_csv(tmp_path / "some.csv", index=False)
    metrics = evaluate_run(run, tmp_path / "some.csv", posters / "posters", pairs=artwork / "pairs.csv").metrics
    assert (metrics["pairs/queries"], metrics["pairs/gallery"]) == (20, 30)
    assert not any(key.startswith(("test/", "val/")) for key in metrics)


def test_bad_pairs_are_reported_at_once_or_left_out(run, posters, artwork):
    table = pd.read_csv(artwork / "pairs.csv")
    table.loc[3, "img"] = "nosuch.jpg"
    table.loc[7, "other_img"] = "gone.png"
    (artwork / "o09.png").write_text("no image")
    table.loc[11, "other_img"] = "../o11.png"
    table.to_csv(artwork / "pairs.csv", index=False)
    with pytest.raises(InputError) as summary:
        evaluate_run(run, pairs=artwork / "pairs.csv")
    for part in ("pairs.csv", "row 5", "nosuch.jpg", "row 9", "gone.png", "row 11", "o09.png", "row 13", "../o11.png"):
        assert part in str(summary.value)
    catalogue = posters / "catalogue.csv", posters / "posters"
    metrics = evaluate_run(run, *catalogue, pairs=artwork / "pairs.csv", on_bad_poster="skip").metrics
    assert (metrics["pairs/queries"], metrics["pairs/left_out"]) == (16, 4)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.drop(columns="other_img"), "other_img"),
        (lambda t: t.assign(img="nosuch.jpg"), "nosuch.jpg"),
    ],
)
def test_tables_without_a_use_are_refused(run, artwork, change, named):
    change(pd.read_csv(artwork / "pairs.csv")).to_csv(artwork / "bad.csv", index=False)
    with pytest.raises(InputError, match=f"bad.csv.*{named}"):
        evaluate_run(run, pairs=artwork / "bad.csv", on_bad_poster="skip")


def test_co_watch_of_a_run(run, posters, history, artwork):
    metrics = evaluate_run(run, history=history).metrics
    catalogue, (vectors, _), (frozen, _) = vectors_of(run, posters, artwork)
    watched = co_watched(read_history(history), catalogue)
    at = [own[0] for own in watched.posters]
    assert metrics["cowatch/queries"] == len(watched) > 20
    genres = catalogue.genres[at].astype(np.float32)
    expected = {
        "": vectors[at],
        "/frozen": frozen[at],
        "/genres": genres,
        "/with_genres": concatenate_unit(genres, vectors[at], 0.5),
        "/with_genres/frozen": concatenate_unit(genres, frozen[at], 0.5),
    }
    for end, rows in expected.items():
        assert metrics[f"cowatch/ndcg@10{end}"] == pytest.approx(np.nanmean(watched.ndcg(rows)), abs=1e-6), end
    train = run.splits.reindex(catalogue.ids).to_numpy() == "train"
    raw = embed(
        load_frozen(run.folder / "embedder"),
        load_posters(catalogue, image_size=run.image_size).pixels,
        precision="fp32",
    ).numpy()
    centred = raw - raw[train].mean(0)
    assert metrics["cowatch/ndcg@10/frozen_centred"] == pytest.approx(np.nanmean(watched.ndcg(centred[at])), abs=1e-4)
    test = np.flatnonzero(run.splits.reindex(catalogue.ids).to_numpy() == "test")
    part = watched.within(test)
    assert metrics["test/cowatch/queries"] == len(part) < len(watched)
    own = part.ndcg(vectors[[o[0] for o in part.posters]])
    assert metrics["test/cowatch/ndcg@10"] == pytest.approx(np.nanmean(own), abs=1e-6)
    assert metrics["test/cowatch/ndcg@10/chance"] == pytest.approx(np.nanmean(part.chance()))


def test_baselines_stand_beside_the_frozen_backbone(run):
    metrics = evaluate_run(run, baselines=True).metrics
    chance, frozen = metrics["test/ndcg@10/chance"], metrics["test/ndcg@10/frozen"]
    for row in ("random", "colour_histogram", "head_and_frozen", "classifier_probabilities"):
        value = metrics[f"test/ndcg@10/{row}"]
        assert metrics[f"test/ndcg@10/{row}/lift"] == pytest.approx((value - chance) / (frozen - chance))
    # The genres of these posters are their colours.
    assert metrics["test/ndcg@10/colour_histogram"] > metrics["test/ndcg@10/random"]
    assert metrics["test/ndcg@10/classifier_probabilities"] > metrics["test/ndcg@10/random"]


def test_classifier_probabilities_are_those_of_the_trained_layer(run, posters, tmp_path):
    catalogue, _ = read_catalogue(posters / "catalogue.csv", posters / "posters")
    pixels = load_posters(catalogue, image_size=run.image_size).pixels
    embedder = run.embedder
    got = classifier_probabilities(run, embedder, pixels, "fp32")
    state = torch.load(run.folder / "checkpoints" / "best.ckpt", map_location="cpu", weights_only=False)["state_dict"]
    raw = embed(lambda images: embedder(images, raw=True), pixels, precision="fp32")
    logits = raw @ state["loss.classifier.weight"].T + state["loss.classifier.bias"]
    np.testing.assert_allclose(got, torch.sigmoid(logits).numpy(), atol=1e-4)
    train = run.splits.reindex(catalogue.ids).to_numpy() == "train"
    has = catalogue.genres[train]
    assert got[train][has].mean() > got[train][~has].mean() + 0.1
    copied = Run.open(shutil.copytree(run.folder, tmp_path / "copied"))
    (copied.folder / "checkpoints" / "best.ckpt").rename(copied.folder / "checkpoints" / "last.ckpt")
    np.testing.assert_array_equal(classifier_probabilities(copied, embedder, pixels, "fp32"), got)
    (copied.folder / "checkpoints" / "last.ckpt").unlink()
    assert classifier_probabilities(copied, embedder, pixels, "fp32") is None


def test_the_command_takes_all_of_it(run, artwork, history, monkeypatch, capfd):
    options = ["--pairs", artwork / "pairs.csv", "--other-images", artwork, "--history", history, "--baselines"]

    def call(*more):
        monkeypatch.setattr(sys, "argv", ["keyart", "evaluate", str(run.folder), *map(str, [*options, *more])])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
        return capfd.readouterr().out

    record = json.loads(call("--json"))
    for key in ("test/ndcg@10", "pairs/recall@10/lift", "cowatch/ndcg@10/with_genres", "test/ndcg@10/random"):
        assert isinstance(record[key], float)
    table = call()
    for name in ("pairs", "cowatch", "ndcg@10/with_genres", "ndcg@10/colour_histogram", "pairs/recall@1"):
        assert name in table


def test_unseen_posters_have_no_splits(run, tmp_path, history):
    unseen = draw_posters(tmp_path / "unseen", 60, seed=9)
    metrics = evaluate_run(run, unseen / "catalogue.csv", unseen / "posters", history=history, baselines=True).metrics
    assert metrics["eval/ndcg@10/random"] is not None
    assert "cowatch/ndcg@10/frozen_centred" not in metrics
    assert metrics["cowatch/unknown_films"] == 60


def test_what_the_reader_left_out_is_reported(run, posters, tmp_path, keyart):
    """With ``--on-bad-poster skip``, invalid rows of the table count as skipped, like invalid images."""
    table = pd.read_csv(posters / "catalogue.csv").head(30)
    table.loc[3, "genres"] = "N/A"
    table.loc[5, "img"] = "gone.jpg"
    table.to_csv(tmp_path / "some.csv", index=False)
    line = ["evaluate", run.folder, "--catalogue", tmp_path / "some.csv", "--images", posters / "posters"]
    code, out, err = keyart(*line, "--on-bad-poster", "skip", "--json")
    assert code == 0
    record = json.loads(out)
    assert (record["eval/rows"], record["eval/skipped"], record["eval/gallery"]) == (30, 2, 28)
    for part in ("30 rows = 28 posters + 2 faults", "row 5", "row 7", "gone.jpg"):
        assert part in err
    code, _, err = keyart(*line)
    assert code == 2
    assert len(err.splitlines()) == 1


def test_the_scale_of_ratings_is_reported_and_can_be_set(run, history, keyart):
    """On a scale of ten the same films count as liked, and `--rating-scale` changes that."""
    table = pd.read_csv(history)
    five = evaluate_run(run, history=history).metrics
    assert (five["cowatch/rating_scale"], five["cowatch/liked_from"]) == (5, 4)
    table.assign(rating=table["rating"] * 2).to_csv(history, index=False)
    code, out, err = keyart("evaluate", run.folder, "--history", history, "--json")
    ten = json.loads(out)
    assert code == 0
    assert (ten["cowatch/rating_scale"], ten["cowatch/liked_from"]) == (10, 8)
    assert ten["cowatch/ndcg@10"] == pytest.approx(five["cowatch/ndcg@10"])
    assert "ratings from 4 to 10 on a scale up to 10 (inferred from the data), liked from 8 on" in err
    line = ["evaluate-history", run.folder, "--history", history, "--json"]
    scaled = {}
    for options in ((), ("--rating-scale", "20", "--liked-from", "9")):
        code, out, err = keyart(*line, *options)
        assert code == 0
        scaled[options] = json.loads(out)
    plain, other = scaled.values()
    assert (plain["rating_scale"], plain["liked_from"]) == (10, 8)
    assert (other["rating_scale"], other["liked_from"]) == (20, 9)
    assert other["cold/liked"] < plain["cold/liked"]
    assert "on a scale up to 20 (as set), liked from 9 on" in err
    code, _, err = keyart(*line, "--rating-scale", "5")
    assert code == 2
    assert "--rating-scale 5" in err
    assert len(err.splitlines()) == 1


def test_pairs_are_read_as_catalogues_are(run, posters, artwork):
    """Absolute paths, leading slashes, another CSV dialect, missing values; a number is not another poster's id."""
    table = pd.read_csv(artwork / "pairs.csv").head(8)
    table.loc[1, "img"] = str(posters / "posters" / "p0001.jpg")
    table.loc[1, "other_img"] = str(artwork / "o01.png")
    table.loc[2, ["img", "other_img"]] = "/p0002.jpg", "/o02.png"
    table.loc[3, "other_img"] = "N/A"
    table.loc[4, "img"] = "P0004"
    text = table.to_csv(index=False, sep=";").replace(";o05", ';"o05').replace("o07.png", 'o07.png"')
    (artwork / "dialect.csv").write_bytes(("sep=;\r\n" + text.replace("\n", "\r\n")).encode("utf-16"))
    own = posters / "catalogue.csv", posters / "posters"
    with pytest.raises(InputError, match=r"missing other_img \(row 6.*swallowed rows \(row 8|swallowed rows \(row 8"):
        evaluate_run(run, *own, pairs=artwork / "dialect.csv")
    lines = []
    found = evaluate_run(run, *own, pairs=artwork / "dialect.csv", on_bad_poster="skip", report=lines.append).metrics
    assert found["pairs/queries"] + found["pairs/left_out"] == 8
    assert any(f"8 rows = {found['pairs/queries']} pairs + {found['pairs/left_out']} faults" in line for line in lines)


def test_a_pair_never_means_another_posters_number(tmp_path):
    catalogue_folder = tmp_path / "images"
    catalogue_folder.mkdir()
    for name in ("x.jpg", "862.jpg", "7.png"):
        Image.new("RGB", (64, 96), "red").save(catalogue_folder / name)
    (tmp_path / "t.csv").write_text("id,img,genres\n862,x.jpg,Drama\n5,862.jpg,War\n7,7.png,War\n")
    catalogue, _ = read_catalogue(tmp_path / "t.csv", catalogue_folder)
    rows = {"862.jpg": 1, "862": 0, "7.jpg": 2, "5": 1, "x.jpg": 0, "862.0": 0, "5.jpg": None, "6": None}
    text = "".join(f"{name},x.jpg\n" for name in rows)
    (tmp_path / "p.csv").write_text(f"img,other_img\n{text}")
    artwork = open_pairs(tmp_path / "p.csv", catalogue_folder, catalogue, (96, 64), skip=True)
    assert artwork.targets.tolist() == [at for at in rows.values() if at is not None]
    assert (artwork.account.rows, artwork.account.faults) == (8, 2)


def test_ids_that_look_like_missing_values_keep_their_split(run, tmp_path):
    copied = Run.open(shutil.copytree(run.folder, tmp_path / "copied"))
    (copied.folder / "splits.csv").write_text("id,split\nNA,train\nnull,val\n1,test\n")
    environment = json.loads((copied.folder / "environment.json").read_text())
    environment["dataset"]["posters"] = 3
    (copied.folder / "environment.json").write_text(json.dumps(environment))
    assert copied.splits.to_dict() == {"NA": "train", "null": "val", "1": "test"}


def test_a_runs_folder_cannot_choose_code_as_a_metric(run, tmp_path, monkeypatch):
    copied = Run.open(shutil.copytree(run.folder, tmp_path / "copied"))
    (tmp_path / "canary.py").write_text(f"open({str(tmp_path / 'sang')!r}, 'w')\ndef sing(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = json.loads(json.dumps(copied.config))
    config["evaluation"]["metrics"] = ["canary.sing", "recall@3"]
    (copied.folder / "config.yaml").write_text(json.dumps(config))
    messages = []
    metrics = evaluate_run(Run.open(copied.folder), report=messages.append).metrics
    assert not (tmp_path / "sang").exists()
    assert any("canary.sing" in line and "left out" in line for line in messages)
    assert "test/recall@3" in metrics
    assert "test/map" not in metrics
    config["evaluation"]["metrics"] = 7
    (copied.folder / "config.yaml").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"config\.yaml: cannot be read"):
        evaluate_run(Run.open(copied.folder))
