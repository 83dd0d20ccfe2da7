"""Heads: they standardise their input, and their output matches their description."""

import json

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.models.heads.build import build_head
from keyart.models.heads.combined import CombinedHead
from keyart.models.heads.dropout import byte_dropout
from keyart.models.heads.ensemble import EnsembleHead
from keyart.models.heads.kernel import KernelHead, relevance_coordinates
from keyart.models.heads.kernel_map import KernelMap
from keyart.models.heads.linear import LinearHead
from keyart.models.heads.metric_maps import MetricMapsHead
from keyart.models.heads.mlp import MLPHead
from keyart.models.heads.projection import Projection, random_rotation
from keyart.models.heads.registry import build_head_from_description
from keyart.models.heads.standardise import Standardise

FEATURES = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 10, 0.1, 1e4, 1, 1]) + 100
FEATURES[:, 4] = 7.0
SEEN = {"balance": 0.8, "components": 2, "power": 0.5}
KERNEL = {"weight": 0.5, "size": 3, "ridge": 1.0}
SURE = KERNEL | {"weight": 2.0, "mean": 1.0, "confidence": 0.5}


GROUPS = {"pooled": (0, 2), "head": (2, 4), "low": (4, 6)}
GENRES = torch.eye(4, dtype=torch.bool)[torch.arange(40) % 4] | torch.eye(4, dtype=torch.bool)[torch.arange(40) // 10]


def heads():
    return {
        "linear": LinearHead(6, 3),
        "mlp": MLPHead(6, 3, 8, norm="layer"),
        "batch": MLPHead(6, 3, 8, norm="batch"),
        "ensemble": EnsembleHead(6, 3, heads=2, hidden_size=8),
        "relu": EnsembleHead(6, 3, heads=1, hidden_size=8, output="relu"),
        "kernel": KernelHead(6, 3),
        "maps": MetricMapsHead(6, 3, heads=3, started=1, landmarks=9),
        "fewer": MetricMapsHead(6, 3, heads=2, started=2, landmarks=50),
        "longer": build_head(
            "metric_maps",
            GROUPS,
            3,
            heads=3,
            started=2,
            landmarks=9,
            confidence=0.5,
            components=3,
            kernel=SURE,
            frozen_features=SEEN,
        ),
        "projected": build_head("ensemble", GROUPS, 3, hidden_size=8, components=3),
        "seen": build_head("mlp", GROUPS, 3, hidden_size=8, frozen_features=SEEN),
        "all": build_head(
            "ensemble", GROUPS, 3, hidden_size=8, heads=2, components=3, kernel=KERNEL, frozen_features=SEEN
        ),
        "sure": build_head(
            "ensemble", GROUPS, 3, hidden_size=8, heads=2, components=3, rotate=True, kernel=SURE, frozen_features=SEEN
        ),
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
    monkeypatch.setattr("keyart.models.heads.base.ROWS", 7)
    pieces.fit(FEATURES)
    torch.testing.assert_close(whole.std, pieces.std)
    torch.testing.assert_close(whole.mean, pieces.mean)


@pytest.mark.parametrize("kind", list(heads()))
def test_descriptions_rebuild_heads(kind):
    head = heads()[kind]
    head.fit(FEATURES, GENRES)
    again = build_head_from_description(json.loads(json.dumps(head.describe())))
    again.load_state_dict(head.state_dict(), strict=True)
    transformed = head.transform(FEATURES)
    assert transformed.shape == (40, head.transformed_dim)
    assert head.transformed_dim != 6 or torch.equal(transformed, FEATURES)
    out = head.eval()(transformed)
    assert torch.equal(again.eval()(again.transform(FEATURES)), out)
    assert out.shape == (40, head.embedding_size)
    assert out.isfinite().all()
    assert all(part.shape == (40, head.branch_size) for part in head.branches(transformed))
    assert again.describe() == head.describe()


def test_an_ensembles_networks_are_networks_of_their_own():
    ensemble = EnsembleHead(6, 3, heads=3, hidden_size=8).eval()
    with torch.no_grad():
        ensemble.hidden_bias.normal_()
        ensemble.bias.normal_()
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
    ensemble.fit(x)
    torch.testing.assert_close((x * ensemble.scale).square().mean(), torch.tensor(1.0))
    each = []
    for k in range(3):
        hidden = torch.nn.functional.gelu(x * ensemble.scale @ ensemble.hidden[k] + ensemble.hidden_bias.view(3, 8)[k])
        each.append(normalize(hidden @ ensemble.project[k] + ensemble.bias.view(3, 3)[k], dim=1))
    for part, expected in zip(ensemble.branches(x), each, strict=True):
        torch.testing.assert_close(normalize(part, dim=1), expected)
    joined = ensemble(x)
    torch.testing.assert_close(joined @ joined.T, torch.stack([unit @ unit.T for unit in each]).mean(0))
    clipped = EnsembleHead(6, 3, heads=1, hidden_size=8, output="relu").eval()
    clipped.load_state_dict(EnsembleHead(6, 3, heads=1, hidden_size=8).state_dict())
    assert (clipped(x) >= 0).all()


def balanced(features, spans):
    """Apply steps 1 and 2 of a projection, group by group."""
    out = []
    for start, stop in spans:
        x = features[:, start:stop].double()
        z = (x - x.mean(0)) / (x.std(0, correction=0) + 1e-3 * x.std(correction=0) + 1e-8)
        out.append(z.clamp(-6, 6) / (stop - start) ** 0.5)
    return torch.cat(out, dim=1)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_a_projection_is_the_principal_components_of_balanced_groups(power, tmp_path):
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(60, 9, generator=generator) @ torch.randn(9, 9, generator=generator)
    features[0, 1] = 100.0
    spans = [(0, 3), (4, 9)]
    projection = Projection({"a": (0, 3), "b": (4, 9)}, 4, power)
    np.save(tmp_path / "f.npy", features.numpy())
    projection.fit(np.load(tmp_path / "f.npy", mmap_mode="r"))
    z = balanced(features, spans)
    u, s, _ = torch.linalg.svd(z - z.mean(0), full_matrices=False)
    expected = (u * s * (s / s[0]) ** -power)[:, :4]
    got = projection(features).double()
    torch.testing.assert_close(got.abs(), expected.abs(), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(got @ got.T, expected @ expected.T, atol=2e-3, rtol=1e-3)


def test_a_projection_of_fewer_posters_than_components_is_zero_in_the_rest():
    projection = Projection({"pooled": (0, 6)}, 5)
    projection.fit(FEATURES[:3])
    out = projection(FEATURES)
    assert out.isfinite().all()
    assert (out[:, 2:] == 0).all()
    assert (out[:, 0] != 0).any()


def test_rotating_a_projection_changes_no_distance_and_spreads_it_evenly():
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(200, 60, generator=generator) @ torch.randn(60, 60, generator=generator).triu()
    plain, rotated = Projection({"a": (0, 60)}, 40), Projection({"a": (0, 60)}, 40, rotate=True)
    for projection in (plain, rotated):
        projection.fit(features)
    before, after = plain(features), rotated(features)
    torch.testing.assert_close(torch.cdist(after, after), torch.cdist(before, before), atol=1e-3, rtol=1e-3)
    spread = [z.var(0).max() / z.var(0).mean() for z in (before, after)]
    assert spread[0] > 4
    assert spread[1] < 2.5
    assert torch.equal(random_rotation(40), random_rotation(40))


@pytest.mark.parametrize("relation", ["jaccard", "idf_cosine", "exact"])
def test_relevance_coordinates_have_the_relevance_as_products(relation):
    coordinates = relevance_coordinates(GENRES.numpy(), 16, relation)
    expected = Relevance.fit(relation, GENRES.numpy())(GENRES, GENRES)
    torch.testing.assert_close(coordinates @ coordinates.T, expected, atol=1e-5, rtol=1e-5)
    assert relevance_coordinates(GENRES.numpy(), 2, relation).shape == (40, 2)


def test_a_kernel_head_solves_the_ridge_regression():
    generator = torch.Generator().manual_seed(3)
    x, new = torch.randn(40, 5, generator=generator), torch.randn(7, 5, generator=generator)
    head = KernelHead(5, size=4, ridge=0.5)
    head.fit(x, GENRES)
    phi = relevance_coordinates(GENRES.numpy(), 4).double()
    phi = phi - phi.mean(0)
    width = 2 * x.double().square().sum(1).mean()
    gram = torch.exp(-(torch.cdist(x.double(), x.double()) ** 2) / width)
    alpha = torch.linalg.solve(gram + 0.5 * torch.eye(40, dtype=torch.float64), phi)
    expected = torch.exp(-(torch.cdist(new.double(), x.double()) ** 2) / width) @ alpha
    torch.testing.assert_close(head(new).double(), expected, atol=1e-4, rtol=1e-4)
    assert not list(head.parameters())
    whole = KernelHead(5, size=4, ridge=0.5, mean=1.0)
    whole.fit(x, GENRES)
    middle = relevance_coordinates(GENRES.numpy(), 4).mean(0)
    torch.testing.assert_close(whole(new), head(new) + middle, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="genres"):
        head.fit(x)


def test_a_kernel_head_saved_before_its_mean_was_kept_still_loads():
    head = KernelHead(4, 3, mean=0.0, centres=5)
    state = {name: value for name, value in head.state_dict().items() if name != "offset"}
    head.load_state_dict(state)
    with pytest.raises(RuntimeError, match="offset"):
        KernelHead(4, 3, mean=0.5, centres=5).load_state_dict(state)


def test_combined_cosines_are_weighed_means_of_the_parts_cosines():
    head = heads()["all"].eval()
    head.fit(FEATURES, GENRES)
    transformed = head.transform(FEATURES)
    shown, seen = head.projection(FEATURES), transformed[:, -2:]
    torch.testing.assert_close(transformed[:, :3], shown)
    joined = normalize(head(transformed), dim=1)
    parts = [(1, head.learned(shown)), (0.5, head.kernel(shown)), (0.8, seen)]
    cosines = sum(w**2 * normalize(part, dim=1) @ normalize(part, dim=1).T for w, part in parts)
    torch.testing.assert_close(joined @ joined.T, cosines / (1 + 0.5**2 + 0.8**2), atol=1e-5, rtol=1e-4)
    assert len(head.branches(transformed)) == 2
    torch.testing.assert_close(head.branches(transformed)[0], head.learned.branches(shown)[0])
    assert {name.split(".")[0] for name, _ in head.named_parameters()} == {"learned"}


def test_a_surer_kernel_part_is_longer_and_the_frozen_features_have_the_rest():
    head = heads()["sure"].eval()
    head.fit(FEATURES, GENRES)
    transformed = head.transform(FEATURES)
    shown, seen = head.projection(FEATURES), normalize(transformed[:, -2:], dim=1)
    found = head.kernel(shown)
    length = found.norm(dim=1).clamp(max=1).sqrt()
    assert length.std() > 0.01
    learned = normalize(head.learned(shown), dim=1)
    kernel = normalize(found, dim=1) * length[:, None]
    rest = (0.8**2 + 2.0**2 * (1 - length**2)).sqrt()[:, None] * seen
    expected = learned @ learned.T + 2.0**2 * kernel @ kernel.T + rest @ rest.T
    got = head(transformed)
    torch.testing.assert_close(got @ got.T, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got.norm(dim=1), torch.full((40,), (1 + 2.0**2 + 0.8**2) ** 0.5))


def test_kernel_features_have_the_kernel_as_products():
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(5))
    new = torch.randn(4, 5, generator=torch.Generator().manual_seed(6))
    some, all_of_them, spare = KernelMap(5, 7), KernelMap(5, 30), KernelMap(5, 40)
    for made in (some, all_of_them, spare):
        made.fit(x)
    for made, landmarks in ((some, x[torch.linspace(0, 29, 7).long()]), (all_of_them, x), (spare, x)):
        double = landmarks.double()
        width = 2 * double.square().sum(1).mean()
        expected = torch.exp(-(torch.cdist(torch.cat([x, new]).double(), double) ** 2) / width)
        got = made(torch.cat([x, new])).double() @ made(landmarks).double().T
        torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(spare(new)[:, :30].abs(), all_of_them(new).abs(), atol=1e-3, rtol=1e-3)
    assert (spare(new)[:, 30:] == 0).all()


def test_started_maps_are_the_regression_until_they_are_trained():
    generator = torch.Generator().manual_seed(3)
    x, new = torch.randn(40, 5, generator=generator), torch.randn(7, 5, generator=generator)
    head = MetricMapsHead(5, 4, heads=3, started=2, landmarks=40, ridge=0.5, mean=1.0, confidence=0.5).eval()
    head.fit(x, GENRES)
    regression = KernelHead(5, size=4, ridge=0.5, mean=1.0)
    regression.fit(x, GENRES)
    first, second, other = head.branches(head.transform(new))
    torch.testing.assert_close(first, regression(new), atol=2e-3, rtol=1e-2)
    assert torch.equal(first, second)
    joined = head(head.transform(new))
    length = first.norm(dim=1).clamp(max=1)
    torch.testing.assert_close(joined.norm(dim=1), length.sqrt())
    units = [normalize(part, dim=1) for part in (first, second, other)]
    expected = torch.cat(units, dim=1) / 3**0.5 * length.sqrt()[:, None]
    torch.testing.assert_close(joined, expected)
    torch.stack(head.branches(head.transform(x))).square().sum().backward()
    assert {name for name, parameter in head.named_parameters() if parameter.grad is not None} == {"weight", "bias"}
    with pytest.raises(ValueError, match="genres"):
        head.fit(x)


def test_what_short_vectors_of_maps_leave_is_frozen_features():
    head = heads()["longer"].eval()
    head.fit(FEATURES, GENRES)
    transformed = head.transform(FEATURES)
    learned = head.learned(head.learned.transform(head.projection(FEATURES)))
    found = head.kernel(head.projection(FEATURES))
    sure = found.norm(dim=1).clamp(max=1).sqrt()
    kernel = normalize(found, dim=1) * sure[:, None]
    left = 0.8**2 + 1 - learned.square().sum(dim=1) + 2.0**2 * (1 - sure**2)
    rest = left.sqrt()[:, None] * normalize(transformed[:, -2:], dim=1)
    got = head(transformed)
    expected = learned @ learned.T + 2.0**2 * kernel @ kernel.T + rest @ rest.T
    torch.testing.assert_close(got @ got.T, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got.norm(dim=1), torch.full((40,), (1 + 2.0**2 + 0.8**2) ** 0.5))


def test_confidence_keeps_what_was_seen_though_its_balance_is_0():
    head = build_head("ensemble", GROUPS, 3, components=3, kernel=SURE, frozen_features=SEEN | {"balance": 0.0})
    assert head.frozen_features is not None
    assert (
        build_head(
            "ensemble", GROUPS, 3, components=3, kernel=KERNEL, frozen_features=SEEN | {"balance": 0.0}
        ).frozen_features
        is None
    )


def test_heads_train_and_drop():
    head = build_head("mlp", 6, 3, hidden_size=64, dropout=0.5)
    head.fit(FEATURES)
    assert not torch.equal(head.train()(FEATURES), head(FEATURES))
    assert torch.equal(head.eval()(FEATURES), head(FEATURES))
    head(FEATURES).square().sum().backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build_head("cnn", 6, 3), "model.head=cnn"),
        (lambda: build_head("mlp", 6, 0), "model.embedding_size=0"),
        (lambda: build_head("mlp", 6, 3, dropout=1.0), "model.dropout=1.0"),
        (lambda: build_head("mlp", 6, 3, norm="group"), "model.norm=group"),
        (lambda: CombinedHead(6, LinearHead(6, 3), balance=-1), "model.frozen_features.balance=-1"),
        (lambda: EnsembleHead(6, 3, heads=0), "model.heads=0"),
        (lambda: MetricMapsHead(6, 3, heads=2, started=3), "model.started=3"),
        (lambda: MetricMapsHead(6, 3, landmarks=0), "model.landmarks=0"),
        (lambda: MetricMapsHead(6, 3, ridge=0.0), "model.ridge=0.0"),
        (lambda: MetricMapsHead(6, 3, mean=1.5), "model.mean=1.5"),
        (lambda: MetricMapsHead(6, 3, started=0, confidence=0.5), "model.confidence=0.5"),
        (lambda: build_head("metric_maps", GROUPS, 3, components=3, confidence=0.5), "model.confidence=0.5"),
        (lambda: EnsembleHead(6, 3, output="tanh"), "model.output=tanh"),
        (lambda: KernelHead(6, 3, ridge=0), "model.kernel.ridge=0"),
        (lambda: KernelHead(6, 3, mean=1.5), "model.kernel.mean=1.5"),
        (lambda: CombinedHead(6, LinearHead(6, 3), confidence=2), "model.kernel.confidence=2"),
        (lambda: CombinedHead(6, LinearHead(6, 3), confidence=0.5), "model.kernel.confidence=0.5"),
        (lambda: build_head("linear", 6, 3, kernel=KERNEL), "model.kernel.weight=0.5"),
        (lambda: Projection({"pooled": (0, 6)}, 6), "model.components=6"),
        (lambda: build_head_from_description({"kind": "future"}), "future"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        make()
    with pytest.raises(ValueError, match="must take 3 columns"):
        CombinedHead(6, LinearHead(6, 3), projection=Projection({"pooled": (0, 6)}, 3))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.99])
def test_byte_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(0)
    values = torch.ones(300, 1001)
    dropped = byte_dropout(values, share, training=True)
    rounded = round(share * 256) / 256
    assert abs((dropped == 0).double().mean() - rounded) < 0.005
    assert abs(dropped.double().mean() - 1) < (0.01 if share < 0.9 else 0.1)
    # Every byte of a random word is used: columns eight apart are as independent as any others.
    kept = (dropped != 0).double().flatten()[: 8 * (dropped.numel() // 8)].view(-1, 8)
    assert (kept.mean(0) - (1 - rounded)).abs().max() < 0.01


def test_byte_dropout_outside_training_and_its_gradient() -> None:
    values = torch.randn(50, 7, requires_grad=True)
    assert byte_dropout(values, 0.5, training=False) is values
    dropped = byte_dropout(values, 0.5, training=True)
    dropped.sum().backward()
    torch.testing.assert_close(values.grad, torch.where(dropped == 0, 0.0, 2.0))
