"""Heads: what goes in is standardised, what comes out is what the description says."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from onesheet.embedding import HeadEnsemble, LinearHead, MLPHead, TwoPart, build_head, head_from
from onesheet.embedding.heads import Standardise
from onesheet.errors import InputError

FEATURES = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 10, 0.1, 1e4, 1, 1]) + 100
FEATURES[:, 4] = 7.0


def heads():
    plain = LinearHead(6, 3)
    return {
        "linear": plain,
        "mlp": MLPHead(6, 3, 8, norm="layer"),
        "batch": MLPHead(6, 3, 8, norm="batch"),
        "ensemble": HeadEnsemble([MLPHead(6, 3, 8), MLPHead(6, 3, 8)]),
        "average": HeadEnsemble([LinearHead(6, 3), LinearHead(6, 3)], "average"),
        "two_part": TwoPart(MLPHead(6, 3, 8), 0.8, columns=4),
        "both": TwoPart(HeadEnsemble([LinearHead(6, 3), LinearHead(6, 3)]), 0.5, standardise=True),
    }


def test_standardise_takes_mean_and_deviation_and_leaves_constant_columns_alone(tmp_path):
    np.save(tmp_path / "f.npy", FEATURES.numpy())
    for source in (FEATURES, np.load(tmp_path / "f.npy", mmap_mode="r")):
        layer = Standardise(6)
        assert torch.equal(layer(FEATURES), FEATURES)
        layer.fit(source)
        z = layer(FEATURES)
        live = [0, 1, 2, 3, 5]
        torch.testing.assert_close(z[:, live].mean(0), torch.zeros(5), atol=1e-3, rtol=0)
        torch.testing.assert_close(z[:, live].std(0, correction=0), torch.ones(5), atol=1e-3, rtol=0)
        assert (z[:, 4] == 0).all()


def test_fitting_in_pieces_equals_fitting_at_once(monkeypatch):
    whole, pieces = Standardise(6), Standardise(6)
    whole.fit(FEATURES)
    monkeypatch.setattr("onesheet.embedding.heads._ROWS", 7)
    pieces.fit(FEATURES)
    torch.testing.assert_close(whole.std, pieces.std)
    torch.testing.assert_close(whole.mean, pieces.mean)


@pytest.mark.parametrize("kind", list(heads()))
def test_descriptions_rebuild_heads(kind):
    head = heads()[kind]
    head.fit(FEATURES)
    again = head_from(head.describe())
    again.load_state_dict(head.state_dict(), strict=True)
    out = head.eval()(FEATURES)
    assert torch.equal(again.eval()(FEATURES), out)
    assert out.shape == (40, head.embedding_size)
    assert all(part.shape == (40, head.part_size) for part in head.parts(FEATURES))
    assert again.describe() == head.describe()


def test_an_ensembles_cosine_is_the_mean_of_its_heads_cosines():
    members = [MLPHead(6, 3, 8), MLPHead(6, 3, 8), LinearHead(6, 3)]
    ensemble = HeadEnsemble(members).eval()
    ensemble.fit(FEATURES)
    joined = normalize(ensemble(FEATURES), dim=1)
    each = [normalize(member(FEATURES), dim=1) for member in members]
    torch.testing.assert_close(joined @ joined.T, torch.stack([unit @ unit.T for unit in each]).mean(0))
    averaged = HeadEnsemble(members, "average").eval()
    torch.testing.assert_close(averaged(FEATURES), torch.stack(each).mean(0))
    assert not torch.allclose(each[0], each[1])


def test_two_parts_weigh_what_was_learned_and_what_was_seen():
    learned = LinearHead(6, 3)
    for scaled in (False, True):
        head = TwoPart(learned, balance=0.5, columns=4, standardise=scaled).eval()
        head.fit(FEATURES)
        joined, taught = normalize(head(FEATURES), dim=1), normalize(learned(FEATURES), dim=1)
        centred = FEATURES[:, :4] - FEATURES[:, :4].mean(0)
        seen = normalize(centred / FEATURES[:, :4].std(0, correction=0) if scaled else centred, dim=1)
        expected = (taught @ taught.T + 0.25 * seen @ seen.T) / 1.25
        torch.testing.assert_close(joined @ joined.T, expected, atol=1e-3, rtol=0)
        assert torch.equal(head.parts(FEATURES)[0], learned(FEATURES))


def test_heads_train_and_drop():
    head = build_head("mlp", 6, 3, hidden_size=64, dropout=0.5)
    head.fit(FEATURES)
    assert not torch.equal(head.train()(FEATURES), head(FEATURES))
    assert torch.equal(head.eval()(FEATURES), head(FEATURES))
    head(FEATURES).square().sum().backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: build_head("cnn", 6, 3), "model.head=cnn"),
        (lambda: build_head("mlp", 6, 0), "model.embedding_size=0"),
        (lambda: build_head("mlp", 6, 3, dropout=1.0), "model.dropout=1.0"),
        (lambda: build_head("mlp", 6, 3, norm="group"), "model.norm=group"),
        (lambda: TwoPart(LinearHead(6, 3), -1), "model.balance=-1"),
        (lambda: HeadEnsemble([LinearHead(6, 3)], "sum"), "model.combine=sum"),
        (lambda: head_from({"kind": "future"}), "future"),
    ],
)
def test_values_out_of_range_are_refused(make, told):
    with pytest.raises(InputError, match=told.replace(".", r"\.")):
        make()
    with pytest.raises(ValueError, match="equal sizes"):
        HeadEnsemble([LinearHead(6, 3), LinearHead(6, 4)])
