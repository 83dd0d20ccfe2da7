"""Tests of a search space from sweeps in Hydra's grammar."""

import pytest

pytest.importorskip("optuna")
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hydra_plugins.keyart_sweeps.search import split_space
from keyart.config.compose import compose_all
from keyart.config.sweep_grid import parse


@pytest.mark.parametrize(
    ("written", "distribution"),
    [
        ("a=1,2,null", CategoricalDistribution(("1", "2", "null"))),
        ("a=choice('x y',[1,2],{b:3})", CategoricalDistribution((r"x\ y", "[1,2]", "{b:3}"))),
        ("a=shuffle(x,y,z)", CategoricalDistribution(("x", "y", "z"))),
        ("a=interval(1,3)", FloatDistribution(1, 3)),
        ("a=int(interval(1,64))", IntDistribution(1, 64)),
        ("a=tag(log,interval(0.001,0.1))", FloatDistribution(0.001, 0.1, log=True)),
        ("a=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
        ("a=range(2,8,2)", IntDistribution(2, 8, step=2)),
        ("a=range(1,10,4)", IntDistribution(1, 9, step=4)),
        ("a=range(10,1,-3)", IntDistribution(1, 10, step=3)),
        ("a=shuffle(range(1,4))", IntDistribution(1, 4)),
        ("a=range(0.1,0.5,0.1)", FloatDistribution(0.1, 0.5, step=0.1)),
        ("+a/b@c=x,y", CategoricalDistribution(("x", "y"))),
    ],
)
def test_what_is_swept_becomes_a_distribution(written, distribution):
    space, fixed = split_space([written, "b='x, y'", "~c"])
    assert list(space.values()) == [distribution]
    assert fixed == ["b='x, y'", "~c"]
    key = written.partition("=")[0]
    assert list(space) == [key]
    # Each category is parsed as its original value.
    for value in getattr(distribution, "choices", ()):
        assert not parse([f"{key}={value}"])[0].is_sweep_override()


def test_a_glob_draws_from_the_files_of_its_group():
    space, _ = split_space(["model=glob(efficientnet*)"], compose_all([])[1])
    assert space["model"].choices == tuple(f"efficientnet_lite{n}" for n in ("0", "0_lite2", "1", "2"))
