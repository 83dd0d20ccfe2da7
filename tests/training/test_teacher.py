"""Embeddings of a teacher, matched by id, and its refusals."""

import shutil

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from keyart.errors import InputError
from keyart.launch.run_job import with_one_teacher
from keyart.training.teacher import teacher_embeddings

IDS = np.array([f"p{i:04d}" for i in range(24)])
SPLITS = np.array(["train"] * 16 + ["val"] * 4 + ["test"] * 4)


@pytest.fixture
def teacher(made, tmp_path):
    """A run's folder with its splits, and its embeddings."""
    _, _, runs = made
    folder, vectors = runs[0]
    shutil.copytree(folder, tmp_path / "teacher")
    pd.DataFrame({"id": IDS, "split": SPLITS}).to_csv(tmp_path / "teacher" / "splits.csv", index=False)
    config = '{"data": {"split_seed": 7}}'
    (tmp_path / "teacher" / "config.yaml").write_text(config)
    return tmp_path / "teacher", vectors


def test_rows_are_matched_by_id(teacher):
    folder, vectors = teacher
    order = np.random.default_rng(0).permutation(24)[:20]
    np.testing.assert_array_equal(teacher_embeddings(folder, IDS[order], SPLITS[order]).numpy(), vectors[order])


def test_a_poster_that_it_lacks_is_named(teacher):
    with pytest.raises(InputError, match=r"teacher: has no embedding of x1 \(2 posters are missing\); name a run"):
        teacher_embeddings(teacher[0], ["p0003", "x1", "x2"], ["train"] * 3)


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_poster_that_it_learned_from_may_not_be_held_out(teacher, split):
    splits = SPLITS.copy()
    splits[[2, 5]] = split
    with pytest.raises(InputError, match=r"trained on 2 of the 10 posters of val and test.*data\.split_seed=7"):
        teacher_embeddings(teacher[0], IDS, splits)
    splits[[2, 5]] = "train"
    splits[-1] = "train"
    assert len(teacher_embeddings(teacher[0], IDS, splits)) == 24


def test_without_a_runs_index_it_is_no_teacher(teacher, tmp_path):
    with pytest.raises(InputError, match=r"training\.teacher=.*nowhere: there is no such folder"):
        teacher_embeddings(tmp_path / "nowhere", IDS, SPLITS)
    shutil.rmtree(teacher[0] / "index")
    with pytest.raises(InputError, match=r"training\.teacher=.*there is no index"):
        teacher_embeddings(teacher[0], IDS, SPLITS)


def test_a_name_of_several_runs_is_recorded_as_one_of_them(teacher, tmp_path):
    runs = tmp_path / "outputs" / "best"
    for name in ("2026-01-01_00-00-00_000000", "2026-01-02_00-00-00_000000"):
        shutil.copytree(teacher[0], runs / name)
    named = OmegaConf.create({"training": {"teacher": str(runs)}})
    folder = tmp_path / "student"
    folder.mkdir()
    config = with_one_teacher(folder, named)
    assert config.training.teacher == str(runs / "2026-01-02_00-00-00_000000")
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
    shutil.copytree(teacher[0], runs / "2026-01-03_00-00-00_000000")
    assert with_one_teacher(folder, named).training.teacher == config.training.teacher
    other = OmegaConf.create({"training": {"teacher": str(teacher[0])}})
    assert with_one_teacher(folder, other).training.teacher == str(teacher[0])
