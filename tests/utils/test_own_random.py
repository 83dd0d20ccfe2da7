"""Loading an embedder beside a thread that draws random numbers."""

from threading import Thread

import pytest
import torch

from keyart.models import embedder as embedders
from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder, load_embedder, load_frozen
from keyart.models.heads.build import build_head
from keyart.utils.own_random import own_random_numbers
from tests.models.test_heads import heads

SIZE = (32, 32)


def in_a_thread(task):
    found = []
    thread = Thread(target=lambda: found.append(task()))
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_that_draws_while_an_embedder_is_loaded_gets_the_same_numbers(tmp_path, monkeypatch):
    backbone = create_backbone("test_resnet", "none", "avg", SIZE)
    embedder = Embedder(backbone, build_head("mlp", backbone.feature_dim, 8, hidden_size=16)).eval()
    frozen = create_backbone("test_resnet", "none", "avg", SIZE)
    embedder.save(tmp_path / "embedder", frozen_backbone=frozen)
    torch.manual_seed(0)
    expected = torch.rand(12)

    drawn, build = [], embedders._backbone_from

    def interrupted(description):
        drawn.append(in_a_thread(lambda: torch.rand(3)))
        built = build(description)
        drawn.append(in_a_thread(lambda: torch.rand(3)))
        return built

    monkeypatch.setattr(embedders, "_backbone_from", interrupted)
    torch.manual_seed(0)
    load_embedder(tmp_path / "embedder")
    load_frozen(tmp_path / "embedder")
    assert torch.equal(torch.cat(drawn), expected)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_vit"])
def test_no_backbone_draws_from_the_process(name):
    before = torch.get_rng_state()
    with own_random_numbers():
        first = create_backbone(name, "none", "avg", SIZE if name != "test_vit" else (160, 160))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.isfinite().all() for parameter in first.parameters())


@pytest.mark.parametrize("kind", list(heads()))
def test_no_head_draws_from_the_process(kind):
    before = torch.get_rng_state()
    with own_random_numbers():
        assert heads()[kind].describe()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("function", [torch.nn.init.orthogonal_, torch.nn.init.trunc_normal_, torch.Tensor.normal_])
def test_the_numbers_are_drawn_and_are_those_of_a_fresh_generator(function):
    def draw():
        with own_random_numbers():
            return function(torch.zeros(4, 4))

    first = draw()
    assert first.std() > 0
    assert torch.equal(draw(), first)
    given = torch.Generator().manual_seed(7)
    with own_random_numbers():
        chosen = torch.rand(3, generator=given)
    assert torch.equal(chosen, torch.rand(3, generator=torch.Generator().manual_seed(7)))


def test_other_threads_draw_as_before():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with own_random_numbers():
        torch.rand(3)
        assert torch.equal(in_a_thread(lambda: torch.rand(3)), expected)
