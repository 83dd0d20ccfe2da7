"""Tests of all combinations of loss, miner, sampler and memory: each learns from a batch, or is rejected."""

from functools import cache
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.relevance import Relevance
from keyart.config.preflight import CONFIG_FOLDER, compose_plain
from keyart.config.rules import check_config
from keyart.errors import InputError
from keyart.losses.memory import CrossBatchMemory
from keyart.losses.objective import EmbeddedBatch, check_use, compute_loss
from keyart.training.build import read_sampler
from keyart.training.fit import build_sampler

WIDTH = 8
MORE = {("loss", "pml"): ["loss.class=TripletMarginLoss"], ("miner", "pml"): ["miner.class=BatchHardMiner"]}


def options(group: str) -> list[str]:
    names = sorted(path.stem for path in (CONFIG_FOLDER / group).glob("*.yaml"))
    return [name for name in names if name != "pml" or find_spec("pytorch_metric_learning") is not None]


@cache
def section(group: str, option: str):
    extra = MORE.get((group, option), ["sampler.batch_size=12"] if group == "sampler" else [])
    return compose_plain(["experiment=plain", f"{group}={option}", *extra])[group]


@cache
def default():
    return compose_plain(["experiment=plain"])


@cache
def catalogue() -> Catalogue:
    """Return posters of one to three genres, each with another poster of the same genres."""
    rng = np.random.default_rng(0)
    sets = np.zeros((8, 5), dtype=bool)
    for row in sets:
        row[rng.choice(5, size=rng.integers(1, 4), replace=False)] = True
    genres = sets[np.arange(30) % 8]
    text = np.array([f"{i:02d}" for i in range(30)], dtype=object)
    years = np.full(30, np.nan)
    return Catalogue(
        "t.csv", ".", text, text, text, genres, tuple("abcde"), text, years, None, pd.DataFrame(index=text)
    )


@cache
def batches(sampler: str) -> list[torch.Tensor]:
    """Return an epoch's batches from the configured sampler."""
    created = build_sampler(read_sampler(OmegaConf.create(section("sampler", sampler))), catalogue(), seed=0)
    return [torch.from_numpy(created.batch(0, i)) for i in range(created.batches_per_epoch)]


def build(name: str, genres: torch.Tensor):
    torch.manual_seed(0)
    loss = instantiate(OmegaConf.create(section("loss", name)["build"]))
    loss.build(WIDTH, genres.sum(0), len(genres))
    return loss


def refused(config) -> str | None:
    try:
        check_config(config)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("miner_name", options("miner"))
@pytest.mark.parametrize("loss_name", options("loss"))
def test_they_combine_or_are_refused(loss_name, miner_name):
    genres = torch.from_numpy(catalogue().genres.astype(np.float32))
    # Some pairs are near and some are far, so that every miner finds pairs.
    vectors = 1 + 0.7 * torch.randn(len(genres), WIDTH, generator=torch.Generator().manual_seed(1))
    frozen = torch.randn(len(genres), 6, generator=torch.Generator().manual_seed(2))
    loss, miner = build(loss_name, genres), instantiate(OmegaConf.create(section("miner", miner_name)["build"]))
    taken = torch.nn.functional.normalize(vectors, dim=1) if loss.input_kind == "normalised" else vectors
    for remembers in (False, True):
        config = {**default(), "loss": section("loss", loss_name), "miner": section("miner", miner_name)}
        summary = refused({**config, "memory": {"size": 9 if remembers else 0, "start_step": 0}})
        if summary is not None:
            assert "\n" not in summary
            assert f"loss={loss_name}" in summary
            assert ("memory" if remembers else f"miner={miner_name}") in summary or miner_name != "none"
            with pytest.raises(InputError, match=f"loss={loss_name}"):
                check_use(loss, miner, memory=remembers)
            continue
        check_use(loss, miner, memory=remembers)
        for sampler in options("sampler"):
            memory = CrossBatchMemory(9, width=WIDTH, genres=genres.shape[1], frozen_width=6)
            values = []
            for index in batches(sampler):
                leaf = taken[index].requires_grad_()
                rows = EmbeddedBatch(leaf, genres[index], index, frozen[index])
                remembered = memory.references(0) if remembers else None
                value = compute_loss(rows, loss, Relevance("jaccard"), miner=miner, remembered=remembered)
                value.backward()
                memory.store(rows)
                assert value.isfinite()
                assert leaf.grad.isfinite().all()
                values.append(float(leaf.grad.abs().max()))
            assert max(values) > 0, sampler


@pytest.mark.parametrize("loss_name", options("loss"))
def test_what_is_refused_is_what_the_loss_itself_says(loss_name):
    loss = build(loss_name, torch.from_numpy(catalogue().genres.astype(np.float32)))
    config = {**default(), "loss": section("loss", loss_name)}
    mined = refused({**config, "miner": section("miner", "hard")})
    remembering = refused({**config, "memory": {"size": 9, "start_step": 0}})
    assert (mined is None) == (loss.supports_miner and loss.supports_memory)
    assert (remembering is None) == loss.supports_memory


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["miner=hard", "miner.positives=semi_hard", "miner.negatives=all"],
            r"miner\.positives=semi_hard.*hard or easy",
        ),
        (["miner=hard", "miner.negatives=nearest"], r"miner\.negatives=nearest: with miner=hard.*semi_hard"),
        (["miner=semi_hard", "miner.negatives=easy"], r"miner\.negatives=easy: with miner=semi_hard.*nearest"),
        (["miner=semi_hard", "miner.margin=0"], r"miner\.margin=0"),
        (["miner=distance_weighted", "miner.cutoff=1.5"], r"miner\.nonzero_loss_cutoff=1\.4.*miner\.cutoff=1\.5"),
        (["loss=bce", "miner=hard"], r"miner=hard: loss=bce compares posters with genres"),
        (["loss=arcface", "memory.size=100"], r"memory.*loss=arcface"),
        (["memory.size=-1"], r"memory\.size=-1"),
        (["training.chunk_size=0"], r"training\.chunk_size=0"),
        (["sampler=pk", "sampler.m=1"], r"sampler\.m=1: sampler=pk takes at least 2"),
        (["sampler=pk", "sampler.m=129"], r"sampler\.m=129 is larger"),
    ],
)
def test_senseless_values_are_refused_at_start(overrides, message):
    with pytest.raises(InputError, match=message) as caught:
        check_config(compose_plain(["experiment=plain", *overrides]))
    assert "\n" not in str(caught.value)
