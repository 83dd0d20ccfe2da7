"""Losses and miners of pytorch-metric-learning with relevance: each is supported, or refused for a valid reason."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.fakes import multi_hot
from tests.losses.naive import PML_MARGINS, pml_class

pytest.importorskip("pytorch_metric_learning")
from pytorch_metric_learning import distances, losses, miners, reducers, regularizers

from keyart.catalogue.relevance import Relevance
from keyart.config.loss_rules import check_combination
from keyart.config.pml_table import pml_table
from keyart.config.preflight import compose_plain
from keyart.config.rules import check_config
from keyart.errors import InputError
from keyart.losses.angular import AngularLoss
from keyart.losses.contrastive import ContrastiveLoss
from keyart.losses.miners.hard import HardMiner
from keyart.losses.miners.multi_similarity import MultiSimilarityMiner
from keyart.losses.miners.pml import SUPPORTED as SUPPORTED_MINERS, UNSUPPORTED as REFUSED_MINERS, PMLMiner
from keyart.losses.miners.semi_hard import SemiHardMiner
from keyart.losses.pml import SUPPORTED, UNSUPPORTED, PMLLoss, from_pml, list_triplets
from keyart.losses.relations import compute_label_relations
from keyart.losses.triplet import TripletLoss

LABELS = torch.tensor([4, 4, 1, 1, 1, 2, 2, 3, 4, 2, 0, 1, 4, 2, 2, 1, 0, 0, 4, 1, 2, 4, 0, 1, 2, 2, 4, 1])
ARGUMENTS = {
    "ContrastiveLoss": {"pos_margin": 0.2},
    "MarginLoss": {"learn_beta": True, "nu": 0.1},
    "TripletMarginLoss": {"smooth_loss": True},
    "BatchEasyHardMiner": {"pos_strategy": "semihard", "neg_strategy": "hard"},
    "TripletMarginMiner": {"type_of_triplets": "semihard", "margin": 0.3},
    "PairMarginMiner": {"pos_margin": 1.0, "neg_margin": 0.9},
}
with_references = pytest.mark.parametrize("references", [False, True])


def random(rows: int, size: int = 6, seed: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, size, generator=generator, dtype=torch.float64)


def value_and_gradients(call, x, y=None):
    """Return a loss's value and its gradients at raw embeddings and references."""
    leaves = [x.clone().requires_grad_(), *([] if y is None else [y.clone().requires_grad_()])]
    value = call(*leaves)
    value.backward()
    return value.detach().reshape(()), [leaf.grad for leaf in leaves]


def classes(module) -> set[str]:
    return {name for name, value in vars(module).items() if isinstance(value, type)}


def test_every_class_is_used_or_refused():
    assert set(SUPPORTED) | set(UNSUPPORTED) == classes(losses)
    assert set(SUPPORTED_MINERS) | set(REFUSED_MINERS) == classes(miners)
    assert not set(SUPPORTED) & set(UNSUPPORTED)
    assert not set(SUPPORTED_MINERS) & set(REFUSED_MINERS)


@with_references
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("name", SUPPORTED)
def test_losses_equal_pml_on_single_labels(name, plain, references):
    if references and SUPPORTED[name].no_references is not None:
        pytest.skip(SUPPORTED[name].no_references)
    arguments = {} if plain else ARGUMENTS.get(name, {})
    theirs = pml_class(name, args=arguments)
    wrapped = from_pml(pml_class(name, args=arguments))
    x, y = random(len(LABELS)), random(len(LABELS), seed=5) if references else None
    more = {"ref_labels": LABELS.flip(0)} if references else {}
    expected = value_and_gradients(lambda a, b=None: theirs(a, LABELS, ref_emb=b, **more), x, y)
    for labels in (LABELS, torch.nn.functional.one_hot(LABELS)):
        wrapped.zero_grad()
        hot = {} if not references else {"ref_labels": labels.flip(0)}
        found = value_and_gradients(lambda a, b=None, t=labels, h=hot: wrapped(a, t, ref_emb=b, **h), x, y)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
        assert found[1][0].abs().max() > 1e-5
        for ours, other in zip(wrapped.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, other.grad)


@with_references
@pytest.mark.parametrize("loss", ["ContrastiveLoss", "TripletMarginLoss", "MultiSimilarityLoss"])
@pytest.mark.parametrize("name", [name for name in SUPPORTED_MINERS if name != "DistanceWeightedMiner"])
def test_miners_equal_pml_on_single_labels(name, loss, references):
    arguments = ARGUMENTS.get(name, {})
    miner, theirs = getattr(miners, name)(**arguments), pml_class(loss)
    wrapped = from_pml(pml_class(loss), getattr(miners, name)(**arguments))
    x, y = random(len(LABELS)), random(len(LABELS), seed=5) if references else None
    others = LABELS.flip(0) if references else None

    def expected(a, b=None):
        mined = miner(a, LABELS, b, others)
        assert len(mined[0]) > 0
        return theirs(a, LABELS, mined, b, others)

    found = value_and_gradients(lambda a, b=None: wrapped(a, LABELS, b, others), x, y)
    torch.testing.assert_close(found, value_and_gradients(expected, x, y), rtol=1e-9, atol=1e-12)
    assert found[0] > 0
    # The miner selected pairs: the loss of all pairs differs.
    plain = from_pml(pml_class(loss))
    if loss == "ContrastiveLoss":
        assert found[0] != plain(x, LABELS, y, others)


def test_distance_weighted_miner_draws_as_pml_does():
    labels, others = LABELS[:4], LABELS.repeat(2)
    x, y = random(4), random(len(others), seed=5)
    relations = compute_label_relations(labels, 4, Relevance("exact"), others, len(others))
    miner, theirs = PMLMiner("DistanceWeightedMiner"), miners.DistanceWeightedMiner()
    torch.manual_seed(0)
    # In how many triplets each reference is the positive, and the negative.
    drawn = torch.zeros(2, 2, len(others))
    for _ in range(300):
        for row, triplets in enumerate((miner(x, relations, y).triplets, theirs(x, labels, y, others))):
            for column in (1, 2):
                drawn[row, column - 1] += torch.bincount(triplets[column], minlength=len(others))
    assert drawn[0].sum() == drawn[1].sum()
    seen = drawn.sum(dim=0) > 20
    assert seen.sum() > 40
    assert (drawn[:, ~seen] <= 20).all()
    # The variance of the difference of two counts with equal means is their sum.
    statistic = ((drawn[0] - drawn[1]).square() / drawn.sum(dim=0))[seen].sum()
    assert statistic < seen.sum() + 5 * (2 * seen.sum()) ** 0.5


@pytest.mark.parametrize(
    ("name", "ours"), [("hard", HardMiner()), ("semi", SemiHardMiner(0.3)), ("ms", MultiSimilarityMiner(0.1))]
)
def test_miners_equal_keyarts_own_on_several_labels(name, ours):
    theirs = {
        "hard": PMLMiner("BatchHardMiner"),
        "semi": PMLMiner("TripletMarginMiner", {"type_of_triplets": "semihard", "margin": 0.3}),
        "ms": PMLMiner("MultiSimilarityMiner", {"epsilon": 0.1}),
    }[name]
    x, rel = random(24), compute_label_relations(multi_hot(24, seed=1), 24, Relevance("jaccard"))
    assert not (rel.positive | rel.negative | torch.eye(24, dtype=torch.bool)).all()
    mine, other = ours(x, rel), theirs(x, rel)
    for a, b in zip(mine.pair_masks(), other.pair_masks(), strict=True):
        assert torch.equal(a, b)
    if mine.triplets is not None and other.triplets is not None:
        assert sorted(mine.triplets.T.tolist()) == sorted(other.triplets.T.tolist())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(losses.ContrastiveLoss(), ContrastiveLoss()), (losses.TripletMarginLoss(margin=0.2), TripletLoss(0.2))],
)
def test_several_labels_give_what_keyarts_own_losses_give(theirs, ours):
    x, labels = random(20), multi_hot(20, seed=3)
    y, others = random(15, seed=7), multi_hot(15, seed=8)
    wrapped = from_pml(theirs)
    for references in ({}, {"ref_emb": y, "ref_labels": others}):
        found = value_and_gradients(lambda a, r=references: wrapped(a, labels, **r), x)
        torch.testing.assert_close(found, value_and_gradients(lambda a, r=references: ours(a, labels, **r), x))


def test_relevance_chooses_the_pairs():
    x, labels = random(20), multi_hot(20, seed=3)
    values = {kind: float(from_pml(losses.ContrastiveLoss(), relevance=kind)(x, labels)) for kind in ("any", "exact")}
    values["own"] = float(
        from_pml(losses.ContrastiveLoss(), relevance=lambda a, b: (a.float() @ b.float().T > 1) * 1.0)(x, labels)
    )
    assert len(set(values.values())) == 3
    # An item that is neither positive nor negative for any anchor has no influence.
    labels = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    x = random(4).requires_grad_()
    from_pml(losses.ContrastiveLoss())(x[1:], labels[1:])
    gains = Relevance("jaccard")(labels, labels)
    assert 0 < gains[0, 1] < 0.5
    from_pml(losses.ContrastiveLoss(), relevance=lambda a, b: torch.full((len(a), len(b)), 0.3))(x, labels).backward()
    assert (x.grad == 0).all()


@pytest.mark.parametrize("miner", [None, miners.MultiSimilarityMiner()])
def test_a_plain_training_loop_learns_several_labels(miner):
    torch.manual_seed(0)
    labels = multi_hot(60, seed=2)
    inputs = labels @ torch.randn(5, 12) + 0.3 * torch.randn(60, 12)
    model = torch.nn.Linear(12, 6)
    loss = from_pml(losses.MultiSimilarityLoss(), miner)
    optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], 0.02)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        value = loss(model(inputs), labels)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.8 * values[0]


def test_regularizers_see_raw_embeddings():
    theirs = losses.ContrastiveLoss(
        embedding_regularizer=regularizers.LpRegularizer(),
        distance=distances.CosineSimilarity(),
        pos_margin=1,
        neg_margin=0,
    )
    x = 3 * random(len(LABELS))
    found = value_and_gradients(lambda a: from_pml(theirs)(a, LABELS), x)
    torch.testing.assert_close(found, value_and_gradients(lambda a: theirs(a, LABELS), x))
    assert found[0] > x.norm(dim=1).mean()


def test_triplets_are_listed_in_order():
    rel = compute_label_relations(multi_hot(13, seed=1), 13, Relevance("jaccard"), multi_hot(9, seed=2), 9)
    expected = torch.where(rel.positive[:, :, None] & rel.negative[:, None])
    assert len(expected[0]) > 20
    assert all(torch.equal(a, b) for a, b in zip(list_triplets(rel), expected, strict=True))


# Why classes are refused


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_refused_losses_name_the_reason(name):
    with pytest.raises(InputError, match=rf"loss.class={name}: cannot be used: it "):
        PMLLoss(name)


@pytest.mark.parametrize("name", REFUSED_MINERS)
def test_refused_miners_name_the_reason(name):
    with pytest.raises(InputError, match=rf"miner.class={name}: cannot be used: it "):
        PMLMiner(name)


NOT_BUILT = ("CrossBatchMemory", "MultipleLosses", "SelfSupervisedLoss")


def built(name):
    """Build a refused loss with the arguments that it needs."""
    given = {"RankedListLoss": {"margin": 0.4, "Tn": 4}, "ManifoldLoss": {"l": 6, "K": 3}, "InstanceLoss": {}}
    if "learns a direction" in UNSUPPORTED[name] and name not in given:
        given[name] = {"num_classes": 5, "descriptors_dim" if name == "P2SGradLoss" else "embedding_size": 6}
    return getattr(losses, name)(**given.get(name, {}))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n in UNSUPPORTED if "base class" not in UNSUPPORTED[n] and n not in NOT_BUILT])
def test_refused_losses_cannot_work_from_pairs(name):
    """Check that they require labels, refuse pairs, or give the same value for other pairs."""
    rel = compute_label_relations(LABELS, len(LABELS), Relevance("exact"))
    x, all_of_them = random(len(LABELS)).float(), rel.pml_indices()
    fewer = tuple(indices[::2] for indices in all_of_them)
    values = []
    for indices in (all_of_them, fewer):
        try:
            values.append(float(built(name)(x, None, indices)))
        except (ValueError, TypeError, RuntimeError, AttributeError):
            values.append(None)
    assert values[0] == values[1]
    with pytest.raises(InputError, match=rf"from_pml: {name} cannot be used: it "):
        from_pml(built(name))


def test_dynamic_soft_margin_fails_at_its_second_step():
    """Check the reason for the refusal; when this test fails, the loss can be supported."""
    loss = losses.DynamicSoftMarginLoss()
    loss(random(len(LABELS)).float().requires_grad_(), LABELS).backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss(random(len(LABELS)).float().requires_grad_(), LABELS).backward()


@pytest.mark.parametrize(
    ("loss", "miner", "message"),
    [
        (losses.MultipleLosses([losses.CircleLoss()]), None, "MultipleLosses cannot be used: it holds several"),
        (losses.CrossBatchMemory(losses.CircleLoss(), 6), None, "CrossBatchMemory cannot be used"),
        (losses.SelfSupervisedLoss(losses.CircleLoss()), None, "SelfSupervisedLoss cannot be used"),
        (torch.nn.Linear(2, 2), None, "takes a loss of pytorch-metric-learning, not Linear"),
        (AngularLoss(), None, "takes a loss of pytorch-metric-learning, not AngularLoss"),
        (losses.TripletMarginLoss(triplets_per_anchor=5), None, "triplets_per_anchor"),
        (losses.MarginLoss(num_classes=5, learn_beta=True), None, "num_classes"),
        (losses.CircleLoss(reducer=reducers.ClassWeightedReducer(torch.ones(5))), None, "ClassWeightedReducer"),
        (losses.ContrastiveLoss(reducer=reducers.DoNothingReducer()), None, "DoNothingReducer"),
        (losses.CircleLoss(), miners.UniformHistogramMiner(), "miner UniformHistogramMiner cannot be used"),
        (losses.CircleLoss(), losses.CircleLoss(), "takes a miner of pytorch-metric-learning, not CircleLoss"),
    ],
)
def test_from_pml_refuses_what_needs_labels(loss, miner, message):
    with pytest.raises(InputError, match=message) as caught:
        from_pml(loss, miner)
    assert "\n" not in str(caught.value)


def test_a_users_own_loss_on_pairs_is_taken():
    class Own(losses.GenericPairLoss):
        def __init__(self):
            super().__init__(mat_based_loss=False)

        def _compute_loss(self, near, far, indices):
            value = near.mean() - far.mean()
            return {"loss": {"losses": value, "indices": None, "reduction_type": "already_reduced"}}

    x = random(len(LABELS))
    torch.testing.assert_close(from_pml(Own())(x, LABELS), Own()(x, LABELS))


def test_labels_are_checked():
    loss, x = from_pml(losses.CircleLoss()), random(4)
    for labels, more, summary in (
        (torch.zeros(3), {}, r"labels must be \(4,\) or \(4, G\)"),
        (torch.zeros(4, 2, 2), {}, r"labels must be"),
        (torch.zeros(4), {"ref_emb": x}, "together"),
        (torch.zeros(4), {"ref_emb": x, "ref_labels": torch.zeros(5)}, r"ref_labels must be \(4,\)"),
        (torch.zeros(4), {"ref_emb": x, "ref_labels": torch.zeros(4, 3)}, "do not match"),
    ):
        with pytest.raises(ValueError, match=summary):
            loss(x, labels, **more)


@pytest.mark.parametrize("name", [name for name, about in SUPPORTED.items() if about.no_references])
def test_references_are_refused_where_pml_would_be_wrong(name):
    x = random(6)
    with pytest.raises(InputError, match=f"loss=pml loss.class={name}: .*no references"):
        PMLLoss(name)(x, torch.arange(6) % 2, x + 1, torch.arange(6) % 2)
    with pytest.raises(InputError, match=r"memory.*; leave the memory out"):
        check_combination(compose_plain(["loss=pml", f"loss.class={name}"])["loss"], memory=True)


# Margins


@pytest.mark.parametrize("name", PML_MARGINS)
def test_margins_have_pmls_default_and_unit(name):
    spec = SUPPORTED[name].margin
    signature = inspect.signature(getattr(losses, name)).parameters
    if PML_MARGINS[name] in signature:
        assert spec.default == signature[PML_MARGINS[name]].default
    x = random(len(LABELS))
    assert PMLLoss(name)(x, LABELS) == pml_class(name)(x, LABELS)
    for margin in (spec.low, spec.low + 0.3 * (spec.high - spec.low), spec.high):
        torch.testing.assert_close(PMLLoss(name, margin)(x, LABELS), pml_class(name, margin)(x, LABELS).reshape(()))
    for margin in (spec.low - 0.01, spec.high + 0.01, "wide", True):
        with pytest.raises(InputError, match=rf"loss.margin={margin}: .*loss=pml loss.class={name} is in {spec.unit}"):
            PMLLoss(name, margin)


@pytest.mark.parametrize("name", PML_MARGINS)
def test_schedules_move_pmls_margin(name):
    spec, x = SUPPORTED[name].margin, random(len(LABELS))
    loss = PMLLoss(name, spec.default, {"kind": "linear", "start": spec.low, "share": 0.5})
    for step, margin in ((0, spec.low), (25, (spec.low + spec.default) / 2), (80, spec.default)):
        loss.set_step(step, 100)
        torch.testing.assert_close(loss(x, LABELS), pml_class(name, margin)(x, LABELS).reshape(()))


@pytest.mark.parametrize("name", [name for name in SUPPORTED if name not in PML_MARGINS])
def test_classes_without_a_margin_refuse_one(name):
    with pytest.raises(InputError, match=f"loss=pml loss.class={name} has no margin"):
        PMLLoss(name, 0.3)
    with pytest.raises(InputError, match=r"no margin to schedule"):
        PMLLoss(name, margin_schedule={"kind": "linear"})


# The command line


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss=pml"], r"loss\.class=null: takes one of CircleLoss, "),
        (["loss=pml", "loss.class=TripletMargin"], r"did you mean TripletMarginLoss\?"),
        (["loss=pml", "loss.class=AngularLoss"], r"loss\.class=AngularLoss: cannot .* class labels.*loss=angular"),
        (["loss=pml", "loss.class=TripletMarginLoss", "loss.margin=45"], r"loss\.margin=45: .* distance, from 0 to 2"),
        (["loss=pml", "loss.class=NTXentLoss", "loss.margin=1"], r"NTXentLoss has no margin"),
        (["loss=pml", "loss.class=NTXentLoss", "loss.args={margin:1}"], r"loss\.args\.margin=1: .* temperature"),
        (["loss=pml", "loss.class=CircleLoss", "loss.args={m:0.2}"], r"set loss\.margin=0\.2 instead"),
        (["loss=pml", "loss.class=CircleLoss", "loss.args={gamma:big}"], r"loss\.args=\{gamma: big\}: CircleLoss ref"),
        (["loss=pml", "loss.class=MarginLoss", "loss.args={num_classes:5}"], r"loss\.args\.num_classes=5"),
        (["loss=pml", "loss.class=CircleLoss", "loss.args={distance:Cos}"], r"loss\.args\.distance=Cos: .* gamma"),
        (["loss=pml", "loss.class=HistogramLoss", "memory.size=64"], r"memory: loss=pml .*HistogramLoss.*one batch"),
        (
            ["loss=pml", "loss.class=TripletMarginLoss", "loss.args={swap:true}", "memory.size=64"],
            r"memory: .*swap=true",
        ),
        (["miner=pml"], r"miner\.class=null: takes one of"),
        (["miner=pml", "miner.class=UniformHistogramMiner"], r"miner\.class=UniformHistogramMiner: cannot"),
        (["miner=pml", "miner.class=BatchEasyHardMiner", "miner.args={pos_strategy:far}"], r"miner\.args=.*refuses"),
        (["miner=pml", "miner.class=PairMarginMiner", "miner.args={pos_margin:far}"], r"miner\.args=.*refuses"),
        (["miner=pml", "miner.class=PairMarginMiner", "miner.args={margin:1}"], r"takes pos_margin, neg_margin"),
        (["loss=bce", "miner=pml", "miner.class=HDCMiner"], r"miner=pml: loss=bce"),
    ],
)
def test_wrong_values_are_refused_at_start(overrides, message):
    with pytest.raises(InputError, match=message) as caught:
        check_config(compose_plain(overrides))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss=pml", "loss.class=TripletMarginLoss", "loss.margin=0.1", "loss.args={swap:true}"],
        ["loss=pml", "loss.class=NTXentLoss", "miner=pml", "miner.class=HDCMiner", "memory.size=64"],
        ["miner=pml", "miner.class=PairMarginMiner", "miner.args={pos_margin:0.3}"],
        ["loss=sum", "+loss@loss.terms.pml=pml", "loss.terms.pml.class=CircleLoss", "+loss.weights.pml=0.5"],
    ],
)
def test_right_values_pass(overrides):
    check_config(compose_plain(overrides))


def test_a_term_of_a_sum_is_checked_by_its_own_key():
    overrides = ["loss=sum", "+loss@loss.terms.pml=pml", "loss.terms.pml.class=CircleLoss", "+loss.weights.pml=0.5"]
    with pytest.raises(InputError, match=r"^loss\.terms\.pml\.margin=3: "):
        check_config(compose_plain([*overrides, "loss.terms.pml.margin=3"]))


def test_the_page_holds_the_tables():
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "pml.md").read_text(encoding="utf-8")
    assert pml_table() in page
    assert all(f"`{name}`" in page for name in (*SUPPORTED, *UNSUPPORTED, *SUPPORTED_MINERS, *REFUSED_MINERS))


# An extra


def test_pml_is_imported_by_its_two_files_and_only_when_used():
    root = Path(__file__).resolve().parents[2]
    modules = "sys, keyart.losses, keyart.losses.miners"
    command = f"import {modules}; print([name for name in sys.modules if 'pytorch_metric' in name])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    naming = [path for path in (root / "src").rglob("*.py") if "pytorch_metric_learning" in path.read_text()]
    assert {path.name for path in naming} == {"pml.py"}


def test_without_pml_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning", None)
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses", None)
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.miners", None)
    for build in (lambda: PMLLoss("CircleLoss"), lambda: PMLMiner("HDCMiner")):
        with pytest.raises(InputError, match=r"not installed; pip install -e '\.\[pml\]'"):
            build()
