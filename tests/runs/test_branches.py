"""Metrics of branches and of fewer dimensions, from training to the printed table."""

import json
import logging

import numpy as np
import pytest
from safetensors.torch import load_file

from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.images.posters import load_posters
from keyart.metrics.functional import evaluate_retrieval
from keyart.models.feature_cache import cached_features
from keyart.runs.evaluate import evaluate_run
from keyart.runs.run import Run
from tests.runs.conftest import train_small

HEAD = [
    "model.head=ensemble",
    "model.heads=2",
    "model.components=24",
    "model.kernel.weight=2",
    "model.kernel.size=6",
    "model.kernel.mean=0.5",
    "model.kernel.confidence=0.5",
    "model.frozen_features.balance=0.9",
    "model.frozen_features.components=20",
    "training.head_epochs=4",
    "loss=angular",
]
SIZES = {"learned": 32, "closed_form": 6, "frozen": 20}


@pytest.fixture(scope="module")
def trained(posters, tmp_path_factory):
    """Provide one run with its full embedding size and one with 12 dimensions."""
    folder = tmp_path_factory.mktemp("branches")
    return (
        train_small(folder / "full", posters, *HEAD),
        train_small(folder / "twelve", posters, *HEAD, "model.output_size=12"),
    )


def recomputed(run, vectors, metric):
    """Return the test split's value from vectors of all posters, computed only with the public function."""
    dataset = json.loads((run.folder / "environment.json").read_text())["dataset"]
    catalogue, _ = read_catalogue(dataset["catalogue"], dataset["images"])
    at = np.flatnonzero(run.splits.reindex(catalogue.ids).to_numpy() == "test")
    part = catalogue.select(at)
    relevance = Relevance.fit("jaccard", part.genres)
    found = evaluate_retrieval(
        vectors[at], part.genres, part.ids, relevance=relevance, genre_names=part.genre_names, metrics=[metric]
    )
    return found.summary[metric]


def whole_of(run):
    """Return (N, W) vectors of all posters, computed directly from pixels."""
    dataset = json.loads((run.folder / "environment.json").read_text())["dataset"]
    catalogue, _ = read_catalogue(dataset["catalogue"], dataset["images"])
    embedder = run.embedder
    pixels = load_posters(catalogue, image_size=run.image_size).pixels
    features = np.array(cached_features(embedder.backbone, pixels, precision="fp32"))
    import torch

    with torch.no_grad():
        return embedder.whole(embedder.transform(torch.from_numpy(features))).numpy()


def test_a_training_measures_each_branch_alone_and_what_is_lost_without_it(trained):
    run = trained[0]
    whole = whole_of(run)
    assert whole.shape[1] == 58
    starts = dict(zip(SIZES, np.cumsum([0, 32, 6]), strict=True))
    for name, size in SIZES.items():
        own = np.arange(58)[starts[name] : starts[name] + size]
        for row, columns in (("branch", own), ("without", np.setdiff1d(np.arange(58), own))):
            for metric in ("ndcg@10", "map"):
                key = f"test/{row}/{name}/{metric}"
                assert run.metrics[key] == pytest.approx(recomputed(run, whole[:, columns], metric), abs=1e-6), key
                chance, frozen = (run.metrics[f"test/{metric}/{end}"] for end in ("chance", "frozen"))
                lift = run.metrics[f"{key}/lift"]
                assert lift is None or lift == pytest.approx((run.metrics[key] - chance) / (frozen - chance))
                assert f"val/{row}/{name}/{metric}" in run.metrics
    values = {run.metrics[f"test/branch/{name}/ndcg@10"] for name in SIZES}
    assert len(values) == 3
    assert not any(key.startswith("test/whole") for key in run.metrics)


def test_evaluate_gives_the_same_for_its_split(trained, posters):
    for run in trained:
        again = evaluate_run(run).metrics
        for key, value in run.metrics.items():
            if key.startswith(("test/branch/", "test/without/", "test/whole/")):
                assert again[key] == pytest.approx(value, abs=1e-6), key
    other = evaluate_run(trained[0], posters / "catalogue.csv", posters / "posters").metrics
    assert other["eval/branch/closed_form/ndcg@10"] > other["eval/ndcg@10/chance"]


def test_fewer_numbers_are_the_leading_components_of_the_same_training(trained):
    full, twelve = trained
    embedder = twelve.embedder
    assert embedder.embedding_size == 12
    whole = whole_of(full)
    train = full.splits.to_numpy() == "train"
    unit = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    _, _, axes = np.linalg.svd(unit[train].astype(np.float64), full_matrices=False)
    expected = recomputed(full, (whole @ axes[:12].T).astype(np.float32), "ndcg@10")
    assert twelve.metrics["test/ndcg@10"] == pytest.approx(expected, abs=1e-4)
    # The same vectors before the reduction.
    assert twelve.metrics["test/whole/ndcg@10"] == pytest.approx(full.metrics["test/ndcg@10"], abs=1e-6)
    assert twelve.metrics["test/branch/learned/map"] == pytest.approx(full.metrics["test/branch/learned/map"], abs=1e-6)


def test_a_run_says_how_many_numbers_its_embeddings_have(trained):
    full, twelve = (json.loads((run.folder / "environment.json").read_text())["embedding"] for run in trained)
    assert full == {"size": 58, "branches": SIZES, "output_size": None}
    assert twelve == {"size": 12, "branches": SIZES, "output_size": 12}
    for run, line in zip(trained, ("58 numbers a poster (learned 2 × 16", "output_size=12 keeps"), strict=True):
        assert line in (run.folder / "train.log").read_text(encoding="utf-8")
        record = json.loads((run.folder / "embedder" / "embedder.json").read_text())
        assert record["branches"] == SIZES
    assert any("axes" in key for key in load_file(trained[1].folder / "embedder" / "model.safetensors"))


def test_sizes_are_evaluated_by_cutting(trained, artwork, keyart):
    run = trained[1]
    code, out, err = keyart(
        *("evaluate", run.folder, "--sizes", "12,5", "--pairs", artwork / "pairs.csv", "--other-images", artwork),
        "--json",
    )
    assert code == 0, err
    record = json.loads(out)
    assert record["test/size/12/ndcg@10"] == pytest.approx(record["test/ndcg@10"], abs=1e-6)
    assert record["pairs/size/12/recall@10"] == record["pairs/recall@10"]
    embeddings = run.embedder.head.reduce
    import torch

    vectors = embeddings(torch.from_numpy(whole_of(run))).detach().numpy()[:, :5]
    assert record["test/size/5/ndcg@10"] == pytest.approx(recomputed(run, vectors, "ndcg@10"), abs=1e-6)
    assert record["pairs/size/5/recall@10/lift"] is None or np.isfinite(record["pairs/size/5/recall@10/lift"])


@pytest.mark.parametrize("sizes", ["64,x", "0", "13", "-1"])
def test_sizes_that_cannot_be_had_are_refused(trained, keyart, sizes):
    code, _, err = keyart("evaluate", trained[1].folder, "--sizes", sizes)
    assert code == 2
    assert f"--sizes {sizes}" in err
    assert len(err.splitlines()) == 1


def test_sizes_need_a_run_that_sorted_its_numbers(trained):
    with pytest.raises(InputError, match=r"sizes='8,4': .*model\.output_size=8 or more"):
        evaluate_run(trained[0], sizes=[8, 4])


def test_the_table_and_its_sentence(trained, keyart, run):
    code, out, _ = keyart("evaluate", trained[0].folder)
    assert code == 0
    assert "contribution of each branch" in out
    assert all(name in out for name in SIZES)
    assert "learned alone" in out
    assert "branch/learned" not in out
    code, out, _ = keyart("evaluate", run.folder)
    assert code == 0
    assert "one branch" in out


def test_one_branch_has_nothing_to_attribute(run):
    assert not any("/branch/" in key or "/without/" in key for key in run.metrics)
    assert isinstance(run, Run)


def test_more_numbers_than_the_head_gives_are_refused_before_training(posters, tmp_path, caplog):
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit) as stop:
        train_small(tmp_path / "run", posters, *HEAD, "model.output_size=59")
    assert stop.value.code == 2
    assert not (tmp_path / "run").exists()
