"""Metrics that the evaluation callback logs, and callbacks that use them."""

import json
import math
import socket

import numpy as np
import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from keyart.metrics.dimension import collapse_stats
from tests.forked import run_two
from tests.training import ddp_evaluation
from tests.training.small import SPLITS, SmallData, SmallModule, catalogue, evaluate, evaluation, informed, vectors


def fit(folder, *callbacks, **options):
    trainer = Trainer(
        **{
            "max_epochs": 2,
            "accelerator": "cpu",
            "callbacks": list(callbacks),
            "logger": False,
            "enable_checkpointing": any(isinstance(c, ModelCheckpoint) for c in callbacks),
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": folder,
        }
        | options
    )
    trainer.fit(SmallModule(), SmallData())
    return trainer


def assert_logged(logged, split):
    want, frozen = evaluate(vectors(), split), evaluate(informed(), split)
    for name, value in want.summary.items():
        key = f"{split}/{name}"
        if math.isnan(value):
            assert key not in logged
        else:
            assert logged[key] == pytest.approx(value, abs=1e-6), key
    for name in ("ndcg@10", "map", "recall@1"):
        chance, base = want.chance[name], frozen.summary[name]
        assert logged[f"{split}/{name}/chance"] == pytest.approx(chance, abs=1e-6)
        assert logged[f"{split}/{name}/frozen"] == pytest.approx(base, abs=1e-6)
        lift = (want.summary[name] - chance) / (base - chance)
        assert logged[f"{split}/{name}/lift"] == pytest.approx(lift, rel=1e-4)
    assert f"{split}/precision@10/chance" not in logged


def test_logs_each_metric_and_the_headline_beside_chance_and_frozen(tmp_path):
    callback = evaluation()
    trainer = fit(tmp_path, callback)
    assert_logged({k: float(v) for k, v in trainer.callback_metrics.items()}, "val")
    assert {"val/ndcg@10", "val/ndcg@10/lift"} <= trainer.progress_bar_metrics.keys()
    trainer.test(SmallModule(), SmallData(), verbose=False)
    assert_logged({k: float(v) for k, v in trainer.callback_metrics.items()}, "test")
    assert callback.results["val"].queries == 45
    assert callback.results["test"].queries == 25


def test_checkpoints_and_early_stopping_can_monitor_it(tmp_path):
    best = ModelCheckpoint(tmp_path, filename="best", monitor="val/ndcg@10", mode="max")
    stop = EarlyStopping("val/ndcg@10", mode="max", patience=2)
    trainer = fit(tmp_path, evaluation(), best, stop, max_epochs=9)
    assert float(best.best_model_score) == pytest.approx(evaluate(vectors(), "val").summary["ndcg@10"], abs=1e-6)
    assert trainer.current_epoch == 3  # the vectors do not change: two validations without improvement


def test_the_sanity_check_logs_nothing(tmp_path):
    class Watch(Callback):
        seen = None

        def on_sanity_check_end(self, trainer, pl_module):
            self.seen = dict(trainer.callback_metrics)

    watch, callback = Watch(), evaluation()
    fit(tmp_path, callback, watch, num_sanity_val_steps=2)
    assert watch.seen == {}
    assert callback.results["val"].queries == 45


def test_limited_batches_have_no_lift(tmp_path):
    with pytest.warns(UserWarning, match="16 posters were seen, but the frozen backbone was evaluated on 45"):
        trainer = fit(tmp_path, evaluation(), limit_val_batches=1)
    assert "val/ndcg@10/chance" in trainer.callback_metrics
    assert "val/ndcg@10/lift" not in trainer.callback_metrics


def test_a_frozen_backbone_that_may_be_at_chance_gives_no_lift(tmp_path):
    blind = {split: evaluate(vectors(1), split) for split in ("val", "test")}
    trainer = fit(tmp_path, evaluation(frozen=blind))
    assert "val/ndcg@10/frozen" in trainer.callback_metrics
    assert not any(key.endswith("/lift") for key in trainer.callback_metrics)


def test_without_a_frozen_result_there_is_chance_only(tmp_path):
    trainer = fit(tmp_path, evaluation(frozen=None))
    assert "val/ndcg@10/chance" in trainer.callback_metrics
    assert not any(key.endswith(("/lift", "/frozen")) for key in trainer.callback_metrics)


def test_a_step_that_returns_no_embeddings_is_reported(tmp_path):
    class Silent(SmallModule):
        def validation_step(self, batch, batch_idx):
            return None

    trainer = Trainer(
        accelerator="cpu", callbacks=[evaluation()], logger=False, enable_progress_bar=False, default_root_dir=tmp_path
    )
    with pytest.raises(TypeError, match="validation_step must return"):
        trainer.validate(Silent(), SmallData(), verbose=False)


def test_validation_reports_how_far_the_embeddings_are_spread(tmp_path, recwarn):
    trainer = fit(tmp_path, evaluation())
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    at = SPLITS["val"]
    at = at[np.argsort(catalogue()["ids"][at])]  # of near-duplicates, the first id counts
    want = collapse_stats(vectors()[at].numpy(), catalogue()["groups"][at])
    assert logged["val/intrinsic_dimension/twonn"] == pytest.approx(want.twonn, rel=1e-4)
    assert logged["val/intrinsic_dimension/participation_ratio"] == pytest.approx(want.participation_ratio, rel=1e-4)
    assert logged["val/mean_cosine"] == pytest.approx(want.mean_cosine, abs=1e-5)
    assert not any("collapsed" in str(warning.message) for warning in recwarn)


def test_a_collapsed_embedding_is_reported_once(tmp_path):
    class Collapsed(SmallModule):
        def validation_step(self, batch, batch_idx):
            return {"embedding": 1 + 1e-4 * self.vectors[batch["index"]], "index": batch["index"]}

    trainer = Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[evaluation()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
    )
    with pytest.warns(UserWarning, match="collapsed to a point") as summary:
        trainer.fit(Collapsed(), SmallData())
    assert sum("collapsed" in str(warning.message) for warning in summary) == 1


def test_two_processes_log_what_one_does(tmp_path):
    """DDP pads 45 posters to 46 and 25 to 26: the duplicates are counted once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run_two(ddp_evaluation.work, tmp_path, port)
    alone = ddp_evaluation.run(tmp_path)
    for rank in range(2):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        assert_logged(found, "val")
        assert_logged(found, "test")
        assert found.keys() == alone.keys()
