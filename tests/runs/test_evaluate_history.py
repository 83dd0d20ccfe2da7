"""Hold-out protocols, metrics against loops, chance levels against sampling, and EASE against its definition."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from keyart.catalogue.history import History
from keyart.cli import app as cli
from keyart.cli.history_tables import DESCRIPTIONS, answer
from keyart.errors import InputError
from keyart.recommend.evaluation.events import Events, by_time, cold, cold_folds
from keyart.recommend.evaluation.models import ContentModel, blend, ease, popularity
from keyart.recommend.evaluation.ranking import CUTS, NAMES, chance, evaluate, information
from keyart.recommend.evaluation.tuning import BESIDE, CRITERION, RIDGES, Spaces, best, choose_content_model
from keyart.recommend.interests import event_weights
from keyart.recommend.user_profile import ProfileSpace
from keyart.runs.history_evaluation import DIFFERENCES, ROWS, best_row, evaluate_events, of_films, trivial


def make_events(users=30, films=120, each=25, seed=0, times=True, taste=None):
    """Create events of users; with groups ``taste`` (F,), each user prefers and likes the films of one group."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        group = None if taste is None else rng.choice(np.unique(taste))
        odds = np.ones(films) if group is None else np.where(taste == group, 8.0, 1.0)
        for film in rng.choice(films, each, replace=False, p=odds / odds.sum()):
            likes = rng.random() < 0.6 if group is None else taste[film] == group
            rows.append((user, film, 5.0 if likes else 2.0, rng.random() * 1e8))
    frame = pd.DataFrame(rows, columns=["user", "film", "rating", "time"]).sort_values(["user", "film"])
    return Events(
        frame["user"].to_numpy(),
        frame["film"].to_numpy(),
        (frame["rating"] >= 4).to_numpy(),
        frame["rating"].to_numpy(),
        frame["time"].to_numpy() if times else None,
        np.array([f"u{i}" for i in range(users)], dtype=object),
        films,
    )


def pairs(events):
    return set(zip(events.user.tolist(), events.film.tolist(), strict=True))


def test_the_cut_in_time_is_one_for_all():
    events = make_events()
    task = by_time(events)
    held = pairs(events) - pairs(task.known)
    assert len(held) == pytest.approx(0.2 * len(events), abs=1)
    when = dict(zip(zip(events.user, events.film, strict=True), events.time, strict=True))
    assert max(task.known.time) < min(when[pair] for pair in held)
    expected = set(zip(*(part.tolist() for part in task.targets.nonzero()), strict=True))
    assert expected == held & pairs(events.select(events.liked))
    assert task.gallery.all()


def test_a_film_that_is_watched_again_is_not_new():
    ids = np.array(["a", "b", "c", "d"], dtype=object)
    seen = np.array(["a", "b", "c", "d", "a"], dtype=object)
    history = History(Path("h.csv"), np.full(5, "u", dtype=object), seen, np.full(5, 5.0), np.arange(5.0))
    catalogue = SimpleNamespace(ids=ids, films=ids, extra={}, source=Path("c.csv"))
    events, _ = Events.of(history, catalogue)
    held = pairs(events) - pairs(by_time(events).known)
    assert {ids[film] for _, film in held} == {"d"}


def test_each_film_is_cold_once_and_its_events_are_out_of_sight():
    events, folds = make_events(), cold_folds(120)
    assert np.bincount(folds).tolist() == [24] * 5
    assert (cold_folds(120) == folds).all()
    every = set()
    for fold in range(5):
        task = cold(events, folds == fold)
        assert not np.isin(task.known.film, np.flatnonzero(folds == fold)).any()
        assert (task.gallery == (folds == fold)).all()
        expected = set(zip(*(part.tolist() for part in task.targets.nonzero()), strict=True))
        assert not expected & every
        every |= expected
    assert every == pairs(events.select(events.liked))


def naive(task, scores):
    """Compute the metrics with plain loops, for scores without ties."""
    news = information(task)
    rows = []
    for place, user in enumerate(task.users()):
        seen = set(task.known.film[task.known.user == user].tolist())
        films = [f for f in np.flatnonzero(task.gallery) if f not in seen]
        ranked = sorted(films, key=lambda f: -scores[place, f])
        expected = {f for f in films if task.targets[user, f]}
        row = []
        for k in CUTS:
            first = ranked[:k]
            gain = sum(1 / np.log2(rank + 2) for rank, f in enumerate(first) if f in expected)
            ideal = sum(1 / np.log2(rank + 2) for rank in range(min(len(expected), k)))
            found = sum(f in expected for f in first)
            row += [found / len(expected), gain / ideal, float(found > 0), np.mean(news[first])]
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("kind", ["time", "cold"])
def test_metrics_are_those_of_plain_loops(kind):
    events = make_events()
    task = by_time(events) if kind == "time" else cold(events, cold_folds(120) == 0)
    scores = np.random.default_rng(1).random((len(task.users()), 120))
    ranked = evaluate(task, scores)
    np.testing.assert_allclose(ranked.values[task.users()], naive(task, scores))
    others = np.setdiff1d(np.arange(30), task.users())
    assert np.isnan(ranked.values[others]).all()


def test_coverage_is_the_share_of_films_that_anybody_is_shown():
    task = by_time(make_events())
    scores = np.broadcast_to(np.arange(120.0), (len(task.users()), 120))
    shown = set()
    for user in task.users():
        unseen = np.setdiff1d(np.arange(120), task.known.film[task.known.user == user])
        shown |= set(unseen[-10:].tolist())
    assert evaluate(task, scores).coverage(task.gallery)[10] == pytest.approx(len(shown) / 120)


@pytest.mark.parametrize("kind", ["time", "cold"])
def test_chance_is_the_mean_of_random_orders(kind):
    events = make_events()
    task = by_time(events) if kind == "time" else cold(events, cold_folds(120) == 0)
    rng = np.random.default_rng(0)
    drawn = [evaluate(task, rng.random((len(task.users()), 120))) for _ in range(400)]
    expected = chance(task)
    mean = np.nanmean([one.values for one in drawn], axis=(0, 1))
    error = np.nanstd([np.nanmean(one.values, axis=0) for one in drawn], axis=0) / 20
    assert (np.abs(np.nanmean(expected.values, axis=0) - mean) <= 4 * error + 1e-5).all()
    for k in CUTS:
        covered = np.mean([one.coverage(task.gallery)[k] for one in drawn])
        assert expected.coverage(task.gallery)[k] == pytest.approx(covered, abs=0.01)


def test_equal_scores_are_no_advantage_of_the_first_films():
    task = by_time(make_events(200, 300, 20))
    constant = evaluate(task, np.zeros((len(task.users()), 300)))
    expected = np.nanmean(chance(task).values, axis=0)
    mean, error = np.nanmean(constant.values, axis=0), np.nanstd(constant.values, axis=0) / len(task.users()) ** 0.5
    assert (np.abs(mean - expected) <= 4 * error + 1e-9).all()


@pytest.mark.parametrize(("users", "films"), [(15, 40), (80, 25)], ids=["fewer users", "fewer films"])
@pytest.mark.parametrize("liked_only", [False, True])
def test_ease_is_its_definition(users, films, liked_only):
    events = make_events(users, films, 9)
    kept = events.select(events.liked) if liked_only else events
    x = np.zeros((users, films))
    x[kept.user, kept.film] = 1
    weights = np.zeros((films, films))
    some = np.flatnonzero(x.sum(0))
    # Ridge regression of each film on all others.
    for film in some:
        rest = [f for f in some if f != film]
        gram = x[:, rest].T @ x[:, rest] + 7.0 * np.eye(len(rest))
        weights[rest, film] = np.linalg.solve(gram, x[:, rest].T @ x[:, film])
    who = np.array([3, 0, 11])
    scores = ease(events, who, 7.0, liked_only)
    np.testing.assert_allclose(scores[:, some], (x @ weights)[who][:, some], atol=1e-4)
    assert np.isneginf(np.delete(scores, some, axis=1)).all()


def test_looks_are_tastes_side_by_side():
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((120, width)).astype(np.float32) for width in (6, 9))
    events, users = make_events(), np.array([4, 9])
    one, two = ContentModel.of(first, 0.1), ContentModel.of(second, 0.2)
    for place, user in enumerate(users):
        own = events.user == user
        weights = event_weights(events.rating[own], events.time[own], int(own.sum()))
        space = ProfileSpace.fit(first, 0.1)
        parts = space.attributions(first[events.film[own]], weights, space.lift(first))
        expected = parts.sum(1) / space.scale**2
        np.testing.assert_allclose(one.scores(events, users)[place], expected, atol=1e-4)
    both = one.beside(two, 3.0).scores(events, users)
    np.testing.assert_allclose(both, one.scores(events, users) + 3.0 * two.scores(events, users), atol=1e-4)


def test_blending_nothing_keeps_the_order_and_unknown_films_come_last():
    interaction = np.array([[0.3, -np.inf, 0.9, 0.1]], dtype=np.float32)
    content = np.array([[0.0, 9.0, 1.0, 2.0]], dtype=np.float32)
    plain = blend(interaction, content, 0.0)[0]
    assert np.argsort(-plain, kind="stable").tolist()[:2] == [2, 0]
    assert plain[1] == plain[3] == plain.min()
    assert blend(interaction, content, 9.0)[0].argmax() == 1


def test_popularity_counts_likes():
    events = make_events()
    counts = [int(events.liked[events.film == film].sum()) for film in range(120)]
    assert popularity(events, np.array([0, 5]))[1].tolist() == counts


def test_settings_are_those_that_are_best_on_the_validation_events():
    assert best([(1,), (2,), (3,)], lambda one: -abs(one - 2)) == (2,)
    assert best([(1,), (2,)], lambda one: 0.0) == (1,)
    taste = np.arange(120) % 4
    events = make_events(taste=taste)
    rng = np.random.default_rng(0)
    vectors = {
        name: (np.eye(4)[taste] + s * rng.standard_normal((120, 4))).astype(np.float32)
        for name, s in (("a", 0.3), ("b", 2.0))
    }
    task = by_time(events)
    chosen = choose_content_model(Spaces(vectors), ["a", "b"], [("a", "b")], task)
    users = task.users()

    def worth(model):
        return np.nanmean(evaluate(task, model.scores(task.known, users)).values[:, CRITERION])

    for name in "ab":
        values = [worth(ContentModel.of(vectors[name], ridge)) for ridge in RIDGES]
        assert worth(chosen.content_model[name]) == pytest.approx(max(values))
    values = [worth(chosen.content_model["a"].beside(chosen.content_model["b"], weight)) for weight in BESIDE]
    assert worth(chosen.content_model["a+b"]) == pytest.approx(max(values))


@pytest.fixture(scope="module")
def evaluated():
    """Evaluate vectors: posters predict the users' groups, the frozen backbone a little, genres half."""
    taste = np.arange(150) % 6
    rng = np.random.default_rng(1)
    vectors = {
        "genres": np.eye(3)[taste // 2] + 0.0,
        "frozen": np.eye(6)[taste] + 2.0 * rng.standard_normal((150, 6)),
        "posters": np.eye(6)[taste] + 0.3 * rng.standard_normal((150, 6)),
    }
    vectors = {name: of_films(rows.astype(np.float32), np.arange(150)) for name, rows in vectors.items()}
    return evaluate_events(make_events(60, 150, 30, taste=taste), vectors, np.arange(150) % 3 == 0)


def test_what_reports_the_taste_is_above_what_does_not(evaluated):
    for setting in ("all", "cold", "test/cold"):
        values = {row: evaluated[f"{setting}/ndcg@10/{row}"] for row in ROWS}
        assert values["posters"] > values["frozen"] > values["random"], setting
        assert values["genres+posters"] > values["genres"] > values["random"], setting
        for row in ("posters", "random"):
            low, high = (evaluated[f"{setting}/ndcg@10/{row}/{end}"] for end in ("low", "high"))
            assert low <= values[row] <= high
    assert evaluated["all/ndcg@10/hybrid"] >= evaluated["all/ndcg@10/popularity"]
    assert evaluated["all/gallery"] == 150
    assert evaluated["cold/gallery"] == 30
    assert evaluated["test/cold/gallery"] == 10


def test_differences_are_paired_and_silence_is_reported(evaluated):
    for a, b in DIFFERENCES:
        if f"all/recall@50/{a}-{b}" in evaluated:
            difference = evaluated[f"all/recall@50/{a}"] - evaluated[f"all/recall@50/{b}"]
            assert evaluated[f"all/recall@50/{a}-{b}"] == pytest.approx(difference, abs=1e-9)
    for name in NAMES:
        assert evaluated[f"cold/{name}/ease"] is None
        assert evaluated[f"cold/{name}/popularity"] is None
        assert evaluated[f"cold/{name}/hybrid"] == evaluated[f"cold/{name}/posters"]
    assert evaluated["cold/novelty@10/posters"] is None
    assert 0 < evaluated["all/novelty@10/ease"] < evaluated["all/novelty@10/random"] + 1
    assert len(evaluated["chosen"]["cold"]) == 5


def test_what_every_ranking_reaches_is_left_out(evaluated):
    """With 30 cold films, the first 50 and 100 contain all of them, so recall is 1.0 for every row."""
    for k in (50, 100):
        for name in ("recall", "hit_rate", "novelty", "coverage"):
            assert "all candidates" in evaluated["cold/left_out"][f"{name}@{k}"]
            assert all(evaluated[f"cold/{name}@{k}/{row}"] is None for row in ROWS)
        assert evaluated[f"cold/recall@{k}/posters-frozen"] is None
        assert 0 < evaluated[f"cold/ndcg@{k}/posters"] < 1
    assert evaluated["cold/recall@10/posters"] < 1
    assert evaluated["all/left_out"] == {}
    assert {"recall@50", "recall@100"} <= evaluated["test/cold/left_out"].keys()
    assert evaluated["test/cold/best"]["metric"] == "ndcg@10"


def test_a_hit_that_cannot_be_missed_is_left_out():
    """With 12 candidates of which a user liked 4, the first ten always contain at least one, but not always all."""
    random = np.full((3, len(NAMES)), 0.5)
    random[:, NAMES.index("hit_rate@10")] = 1.0
    assert list(trivial(random)) == ["hit_rate@10"]


def test_the_best_row_is_reported_beside_popularity_and_chance(evaluated):
    best = evaluated["all/best"]
    metric = best["metric"]
    assert metric == "ndcg@100"
    means = {row: evaluated[f"all/{metric}/{row}"] for row in ROWS}
    assert best["row"] == max(means, key=means.get)
    for row in ("popularity", "random"):
        gap = best["over"][row]
        assert gap["difference"] == pytest.approx(means[best["row"]] - means[row])
        assert gap["verdict"] == "better"
        assert gap["low"] > 0
    assert set(best["as_good"]) <= set(ROWS) - {best["row"], "random", "popularity"}
    cold = evaluated["cold/best"]
    assert cold["metric"] == "ndcg@10"
    assert list(cold["over"]) == ["random"]
    assert cold["row"] != "hybrid"
    summary = answer(evaluated, "all")
    assert DESCRIPTIONS[best["row"]] in summary
    assert "significantly above popularity" in summary


def test_a_best_row_that_is_no_better_says_so():
    rng = np.random.default_rng(0)
    values = {row: rng.random((40, len(NAMES))) for row in ROWS}
    found = {"all/best": best_row(values, {})}
    assert "not significantly" in answer(found, "all")


def test_without_times_only_cold_films_are_evaluated():
    vectors = {name: np.eye(120, dtype=np.float32)[:, :9] + 0.1 for name in ("genres", "frozen", "posters")}
    lines = []
    found = evaluate_events(make_events(times=False), vectors, None, lines.append)
    assert "all/users" not in found
    assert found["cold/users"] > 0
    assert any("no timestamps" in one for one in lines)


def test_too_few_events_are_refused():
    vectors = {name: np.eye(120, dtype=np.float32)[:, :9] for name in ("genres", "frozen", "posters")}
    few = make_events(1, 120, 2)
    with pytest.raises(InputError, match="nobody"):
        evaluate_events(few, vectors)


def test_the_command_on_a_run(run, history, tmp_path, monkeypatch, capfd):
    table = pd.read_csv(history)
    table["timestamp"] = np.random.default_rng(0).integers(1_000_000_000, 1_500_000_000, len(table))
    table.to_csv(tmp_path / "timed.csv", index=False)

    def call(*more):
        monkeypatch.setattr(sys, "argv", ["keyart", "evaluate-history", str(run.folder), *map(str, more)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
        return capfd.readouterr()

    record = json.loads(call("--history", tmp_path / "timed.csv", "--json").out)
    assert record["films"] == 120
    assert record["events"] == len(table)
    for setting in ("all", "cold", "test/cold"):
        assert isinstance(record[f"{setting}/ndcg@10/posters"], float)
    shown = call("--history", tmp_path / "timed.csv").out
    for text in ("cold films of the test split", "genres+posters", "posters − frozen"):
        assert text in shown
    first = " ".join(shown.split("\n\n")[0].split())
    for setting, name in (("all", "all films"), ("test/cold", "cold films of the test split")):
        best = record[f"{setting}/best"]
        assert f"Among {name}, {DESCRIPTIONS[best['row']]} ranks best" in first
        assert f"{best['value']:.3f} [{best['low']:.3f}, {best['high']:.3f}]" in first
    assert shown.count("━") == 0
    assert sum(set(line.strip()) == {"─"} for line in shown.splitlines()) <= 8
    assert max(map(len, shown.splitlines())) <= 80
    # No name is truncated in either table.
    assert "…" not in shown
    for pair in DIFFERENCES[:4]:
        assert " − ".join(pair) in shown
    without = call("--history", history, "--json")
    assert "all/users" not in json.loads(without.out)
    assert "no timestamps" in without.err
