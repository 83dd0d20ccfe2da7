"""Test cases: every loss that has a YAML file, built without Hydra, and relations to compute it on."""

import dataclasses
import inspect
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
import yaml
from torch import Tensor

from keyart.losses.base import MetricLoss, Relations, compute_relations
from keyart.losses.pml import SUPPORTED as PML_LOSSES
from tests.fakes import jaccard, multi_hot

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "loss"
YAMLS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
if find_spec("pytorch_metric_learning") is None:
    del YAMLS["pml"]
NAMES = tuple(YAMLS)
GENRES, SIZE = 5, 6

# Arguments that a loss requires.
NEEDED: dict[str, dict] = {"pml": {"class_name": "TripletMarginLoss"}}
# Settings other than the defaults, which cover every branch of a loss's own arguments.
VARIANTS: dict[str, list[dict]] = {
    "angular": [{"margin": 20}, {"margin": 75}],
    "n_pair": [{"pairs": "one_per_genre"}],
    "angular_n_pair": [{"margin": 30, "angular_weight": 0.5}],
    "triplet": [{"margin": 1.0}, {"margin": 0.4, "mining": "semi_hard"}],
    "contrastive": [{"margin": 1.5, "positive_margin": 0.6}],
    "margin": [{"learn_beta": True, "nu": 0.3}, {"learn_beta": "genre", "nu": 0.3}, {"margin": 0.5, "beta": 0.9}],
    "multi_similarity": [{"margin": 0.1, "alpha": 5.0, "beta": 10.0}],
    "circle": [{"margin": 0.25, "gamma": 20.0}],
    "ntxent": [{"temperature": 1.0}],
    "supcon": [{"temperature": 0.5}],
    "ranked_list": [{"margin": 0.9, "alpha": 1.3, "positive_temperature": 2.0, "negative_temperature": 3.0}],
    "smooth_ap": [{"temperature": 0.3}],
    "proxy_nca": [{"scale": 1.0}],
    "proxy_anchor": [{"margin": 0.4, "alpha": 8.0}],
    "arcface": [{"margin": 70.0, "scale": 8.0}],
    "cosface": [{"scale": 8.0}],
    "bce": [{"pos_weight": "balanced"}, {"pos_weight": 3.0}],
    "asymmetric": [{"margin": 0.0, "positive_focus": 1.0, "negative_focus": 2.0}, {"negative_focus": 0.0}],
    "gain_supcon": [{"power": 2.0, "temperature": 0.5}],
    "regression": [{"low": -0.5, "weighting": "none"}],
    "listwise": [{"gain_temperature": 0.5, "temperature": 0.5}],
    "distillation": [{"form": "mse"}, {"temperature": 0.5}],
    "pml": [
        *({"class_name": name} for name in PML_LOSSES),
        {"class_name": "CircleLoss", "margin": 0.25, "args": {"gamma": 16}},
        {"class_name": "ContrastiveLoss", "margin": 1.5, "args": {"pos_margin": 0.4}},
        {"class_name": "MarginLoss", "margin": 0.4, "args": {"learn_beta": True, "nu": 0.1}},
        {"class_name": "TripletMarginLoss", "margin": 0.8, "args": {"smooth_loss": True}},
        {"class_name": "TupletMarginLoss", "margin": 20, "args": {"scale": 8}},
    ],
}
PAIRWISE = [name for name in NAMES if YAMLS[name]["about"]["memory"]]
SETTINGS = [(name, settings) for name in NAMES for settings in [NEEDED.get(name, {}), *VARIANTS.get(name, [])]]


def label(value) -> str:
    """Return the name of a test case for pytest."""
    return ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def loss_class(name: str) -> type[MetricLoss]:
    """Return the class that the YAML file's ``_target_`` names."""
    module, _, cls = YAMLS[name]["build"]["_target_"].rpartition(".")
    return getattr(import_module(module), cls)


def make(name: str, dtype: torch.dtype = torch.float64, **settings) -> MetricLoss:
    """Build a loss with all its parameters; a sum has one term of each kind."""
    torch.manual_seed(1)
    if name == "sum":
        terms = {term: make(term) for term in ("angular", "distillation", "proxy_anchor", "bce")}
        loss = loss_class(name)(terms, {"angular": 1.0, "distillation": 0.5, "proxy_anchor": 2.0, "bce": 0.25})
    else:
        loss = loss_class(name)(**{**NEEDED.get(name, {}), **settings})
    loss.build(SIZE, torch.tensor([50, 40, 30, 10, 1])[:GENRES], 60)
    return loss.to(dtype)


def takes_references(name: str, settings: dict) -> bool:
    """Return whether a loss can compare a batch with other posters."""
    special = settings.get("class_name")
    return loss_class(name).supports_memory and (special is None or PML_LOSSES[special].no_references is None)


def own_settings(name: str) -> dict:
    """Return the arguments of a loss's constructor except its margin, with their defaults."""
    parameters = inspect.signature(loss_class(name)).parameters
    return {key: p.default for key, p in parameters.items() if key not in ("margin", "margin_schedule")}


def related(genres: Tensor, reference_genres: Tensor | None = None, relevance=jaccard) -> Relations:
    """Compute the relations of a batch to itself or to other posters, with frozen similarities."""
    torch.manual_seed(2)
    index, features = torch.arange(len(genres)), torch.randn(len(genres), 7)
    if reference_genres is None:
        return compute_relations(genres, genres, relevance, index, index, frozen=(features, features))
    other = len(genres) + torch.arange(len(reference_genres))
    frozen = (features, torch.randn(len(reference_genres), 7))
    return compute_relations(genres, reference_genres, relevance, index, other, frozen=frozen)


def batches() -> dict[str, tuple[Relations, int | None]]:
    """Return multi-hot batches with their number of references, or None if a batch is compared with itself."""
    own = related(multi_hot(11, GENRES, seed=1))
    assert own.positive.any()
    assert (own.valid_pairs() & ~own.positive & ~own.negative).any()
    memory = related(multi_hot(7, GENRES, seed=14), multi_hot(10, GENRES, seed=15))
    torch.manual_seed(3)
    mined = dataclasses.replace(
        own, positive=own.positive & (torch.rand(11, 11) < 0.7), negative=own.negative & (torch.rand(11, 11) < 0.7)
    )
    triplets = torch.stack(torch.where(own.positive[:, :, None] & own.negative[:, None]))
    named = dataclasses.replace(own, triplets=triplets[:, torch.randperm(triplets.shape[1])[:30]])
    return {"batch": (own, None), "memory": (memory, 10), "mined": (mined, None), "triplets": (named, None)}
