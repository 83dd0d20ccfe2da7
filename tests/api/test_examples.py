"""The examples run."""

import runpy
from pathlib import Path

import numpy as np

import keyart

ROOT = Path(__file__).resolve().parents[2]


def test_training_by_hand(posters, tmp_path):
    train = runpy.run_path(str(ROOT / "examples" / "train_by_hand.py"))["train"]
    found = train(posters / "catalogue.csv", posters / "posters", tmp_path / "out", epochs=2, size=(96, 64))
    assert found["test/ndcg@10"] > found["test/ndcg@10/chance"] - 0.1
    embedder = keyart.load_embedder(tmp_path / "out")
    vectors = embedder.encoder().embed(sorted((posters / "posters").iterdir())[:4]).vectors
    assert vectors.shape == (4, 128)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
