"""Reduced embeddings: leading principal components, and their branches."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from keyart.errors import InputError
from keyart.models.heads.build import build_head
from keyart.models.heads.reduced import ReducedHead
from keyart.models.heads.registry import build_head_from_description

GROUPS = {"pooled": (0, 30), "low": (30, 44), "high": (44, 60)}
KERNEL = {"weight": 3.0, "size": 5, "ridge": 1.0, "mean": 0.5, "confidence": 0.5}


def features(n=80, seed=0):
    return torch.randn(n, 60, generator=torch.Generator().manual_seed(seed)) * torch.linspace(3, 0.1, 60)


def fitted(kernel=None, frozen_features=None):
    torch.manual_seed(0)
    frozen_features = {"balance": 0.9, "components": 12, "power": 0.5} if frozen_features is None else frozen_features
    head = build_head(
        "ensemble",
        GROUPS,
        4,
        hidden_size=8,
        heads=3,
        components=20,
        kernel=kernel or KERNEL,
        frozen_features=frozen_features,
    )
    head.fit(features(), torch.arange(240).view(80, 3) % 4 != 0)
    return head.eval()


@torch.no_grad()
def test_branches_are_the_columns_of_each_part():
    head = fitted()
    assert head.branch_sizes == {"learned": 12, "closed_form": 5, "frozen": 12}
    transformed = head.transform(features())
    whole = head.whole(transformed)
    torch.testing.assert_close(whole, head(transformed))
    shown = transformed[:, :20]
    for name, part in (("learned", head.learned(shown)), ("closed_form", head.kernel(shown))):
        alone = normalize(whole[:, head.branch_columns[name]], dim=1)
        torch.testing.assert_close(alone, normalize(part, dim=1))
    frozen = normalize(whole[:, head.branch_columns["frozen"]], dim=1)
    torch.testing.assert_close(frozen, normalize(head.frozen_features(features()), dim=1))


@pytest.mark.parametrize(
    ("kernel", "balance", "expected"),
    [(0.0, 1.0, ["learned", "frozen"]), (2.0, 0.0, ["learned", "closed_form"])],
)
def test_a_head_names_the_branches_that_it_has(kernel, balance, expected):
    frozen_features = {"balance": balance, "components": 12, "power": 0.5}
    head = fitted(KERNEL | {"weight": kernel, "confidence": 0.0}, frozen_features)
    assert list(head.branch_columns) == expected
    assert sum(head.branch_sizes.values()) == head.embedding_size


def test_other_heads_have_one_branch():
    for kind in ("linear", "mlp", "ensemble"):
        head = build_head(kind, 60, 6, heads=2, components=20)
        if kind != "ensemble":
            assert head.branch_sizes == {"learned": 6}
        assert list(head.branch_sizes) == ["learned"]


@torch.no_grad()
def test_all_components_keep_every_cosine_and_fewer_keep_the_most():
    head = fitted()
    transformed = head.transform(features())
    whole = head.whole(transformed)
    unit = normalize(whole, dim=1)
    cosines = unit @ unit.T
    full = ReducedHead(head, head.embedding_size)
    full.fit_components(whole)
    rotated = normalize(full(transformed), dim=1)
    torch.testing.assert_close(rotated @ rotated.T, cosines, atol=1e-5, rtol=0)
    # Eckart and Young: no other 6 columns approximate the products of unit vectors better.
    few = ReducedHead(head, 6)
    few.fit_components(whole)
    left = np.linalg.svd(unit.double().numpy(), compute_uv=False)[6:]
    ours = unit @ few.axes
    error = float((ours @ ours.T - cosines).double().norm())
    assert error == pytest.approx(float(np.sqrt((left**4).sum())), rel=1e-3)
    # Leading components come first: truncated and normalised again, the embedding equals that of the smaller head.
    torch.testing.assert_close(normalize(rotated[:, :6], dim=1), normalize(few(transformed), dim=1), atol=1e-5, rtol=0)
    strengths = rotated.square().mean(0)
    assert (strengths.diff() <= 1e-6).all()
    np.testing.assert_array_equal(few.axes.abs().argmax(0), few.axes.argmax(0))


@torch.no_grad()
def test_vectors_of_any_length_count_alike():
    head = build_head("mlp", 60, 10, hidden_size=8).eval()
    transformed = head.transform(features())
    whole = head.whole(transformed)
    one, other = ReducedHead(head, 4), ReducedHead(head, 4)
    one.fit_components(whole)
    other.fit_components(whole * torch.linspace(0.1, 10, len(whole))[:, None])
    torch.testing.assert_close(one.axes, other.axes, atol=1e-5, rtol=0)


@torch.no_grad()
def test_it_comes_back_from_its_description():
    head = ReducedHead(fitted(), 7)
    head.fit_components(head.whole(head.transform(features())))
    again = build_head_from_description(head.describe())
    again.load_state_dict(head.state_dict())
    transformed = head.transform(features(9, seed=4))
    assert torch.equal(again.eval()(again.transform(features(9, seed=4))), head(transformed))
    assert torch.equal(head.reduce(head.whole(transformed)), head(transformed))
    assert again.embedding_size == 7
    assert again.branch_size == 4
    assert again.branch_sizes == head.head.branch_sizes


@pytest.mark.parametrize("size", [30, 0, 1600])
def test_more_numbers_than_there_are_are_refused(size):
    with pytest.raises(InputError, match=rf"model.output_size={size}: the head gives 29 numbers a poster; .*null"):
        ReducedHead(fitted(), size)
