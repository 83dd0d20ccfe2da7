"""`keyart.sklearn.PosterEmbedder` in pipelines."""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from keyart.sklearn import PosterEmbedder


def test_a_pipeline_learns_from_files(run, posters):
    files = sorted((posters / "posters").iterdir())[:12]
    model = make_pipeline(PosterEmbedder(run.folder, device="cpu"), LogisticRegression(C=1e4))
    labels = [0, 1] * 6
    assert model.fit(files, labels).score(files, labels) > 0.7
    embedder = clone(model[0])
    np.testing.assert_allclose(embedder.fit_transform(files), run.embed(files), atol=1e-6)
    assert len(embedder.get_feature_names_out()) == run.embedder.embedding_size
    twin = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_allclose(twin.transform(files[:2]), run.embed(files[:2]), atol=1e-6)
