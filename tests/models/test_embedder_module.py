"""The embedder as any other `nn.Module`: timm's configuration, compiling, exporting, DataParallel, pickling."""

import copy
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from keyart.images.decode import fit_poster
from tests.shared_run import SIZE, new_embedder


@pytest.fixture(scope="module")
def embedder():
    return new_embedder(0)


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def test_timm_reads_its_configuration(embedder):
    summary = embedder.pretrained_cfg
    assert summary["input_size"] == (3, *SIZE)
    assert summary["num_features"] == embedder.embedding_size == 8
    assert summary["architecture"].startswith("resnet10t")
    config = resolve_model_data_config(embedder)
    assert config["input_size"] == (3, *SIZE)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (144, 96, 3), dtype=np.uint8))
    theirs = create_transform(**config)(picture)
    ours = embedder.preprocess(picture)
    assert theirs.shape == ours.shape == (3, *SIZE)
    assert (theirs - ours).abs().max() < 0.02
    np.testing.assert_array_equal((ours * 255).round().byte().permute(1, 2, 0).numpy(), fit_poster(picture, SIZE))


@torch.inference_mode()
def test_it_gives_the_same_as_a_copy_pickled_and_in_parallel(embedder, images):
    expected = embedder(images)
    for twin in (copy.deepcopy(embedder), pickle.loads(pickle.dumps(embedder)), torch.nn.DataParallel(embedder)):
        torch.testing.assert_close(twin(images), expected)


def test_it_compiles(embedder, images):
    compiled = torch.compile(embedder, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(images), embedder(images))


def test_it_is_exported(embedder, images):
    with torch.no_grad():
        program = torch.export.export(embedder, (images,))
        torch.testing.assert_close(program.module()(images), embedder(images))
