"""`keyart.losses` and `keyart.metrics` work where little more than torch is installed."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires

import pytest

BARRIER = """
import sys

class Barrier:
    def __init__(self, finders, allowed):
        self.finders, self.allowed = finders, allowed

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if not (top in self.allowed or top in sys.stdlib_module_names or top.startswith("_")):
            return None
        return next(filter(None, (finder.find_spec(name, path, target) for finder in self.finders)), None)

    def find_distributions(self, context):
        if context.name and context.name.replace("-", "_") not in self.allowed:
            return iter(())
        return sys.modules["importlib.metadata"].MetadataPathFinder.find_distributions(context)

sys.meta_path[:] = [Barrier(sys.meta_path[:], set(sys.argv[1].split(",")))]
for absent in ("pandas", "faiss", "hydra", "rich", "lightning"):
    try:
        __import__(absent)
    except ModuleNotFoundError:
        continue
    raise AssertionError(absent)
"""

LOSSES = """
import inspect

import torch
from keyart import losses

torch.manual_seed(0)
genres, features, index = (torch.rand(24, 4) < 0.4).float(), torch.randn(24, 8), torch.arange(24)
angular, frozen = losses.AngularLoss(), (features, features)
relations = losses.compute_relations(genres, genres, angular.relevance, index, index, frozen=frozen)
kinds = [getattr(losses, name) for name in losses.__all__]
kinds = {one for one in kinds if inspect.isclass(one) and issubclass(one, losses.MetricLoss)}
for kind in kinds - {losses.MetricLoss, losses.PMLLoss}:  # the last one wraps another library
    loss = kind({"one": losses.AngularLoss()}, {"one": 1.0}) if kind is losses.SumLoss else kind()
    loss.build(8, genres.sum(0), 24)
    embeddings = torch.nn.functional.normalize(torch.randn(24, 8), dim=1).requires_grad_()
    value = loss(embeddings, relations)
    value.backward()
    assert value.isfinite() and embeddings.grad.abs().sum() > 0, kind
    print(kind.__name__)
"""

METRICS = """
import numpy as np
import torch
from keyart import metrics
from keyart.catalogue.relevance import Relevance

for name in metrics.__all__:
    getattr(metrics, name)
vectors, genres = torch.randn(60, 8), np.eye(4, dtype=bool)[np.arange(60) % 4]
ids = [f"{i:02d}" for i in range(60)]
labels = {"relevance": Relevance("jaccard"), "genre_names": list("abcd"), "years": np.full(60, 1990.0)}
result = metrics.evaluate_retrieval(vectors, genres, ids, **labels)
few = metrics.evaluate_retrieval(vectors, genres, ids, metrics=["ndcg@10"], **labels)
assert few.summary["ndcg@10"] == result.summary["ndcg@10"]
metric = metrics.RetrievalMetrics(label_names=labels["genre_names"])
metric.update(vectors, genres, ids, years=labels["years"])
assert {name: float(value) for name, value in metric.compute().items()} == result.summary
print(*result.summary, sep="\\n")
"""


def installed_with(*packages: str) -> set[str]:
    """Return the import names of some distributions and of all that they require."""
    todo, known = list(packages), set()
    while todo:
        name = re.match(r"[\w.-]+", todo.pop())[0].lower().replace("_", "-")
        if name in known:
            continue
        known.add(name)
        try:
            todo += [one for one in requires(name) or () if "extra ==" not in one]
        except ModuleNotFoundError:  # for another platform
            continue
    names = {top for top, owners in packages_distributions().items() for one in owners if one.lower() in known}
    return names | {name.replace("-", "_") for name in known}


@pytest.mark.parametrize(
    ("code", "packages", "printed"),
    [
        (LOSSES, ("torch", "numpy"), {"AngularLoss", "ProxyAnchorLoss", "DistillationLoss", "SumLoss"}),
        (
            METRICS,
            ("torch", "numpy", "torchmetrics"),
            {"ndcg@10", "map", "precision@10/genre/a", "precision@10/decade"},
        ),
    ],
    ids=["losses", "metrics"],
)
def test_a_room_imports_little_more_than_torch(code, packages, printed):
    allowed = ",".join({"keyart", *installed_with(*packages)})
    done = subprocess.run([sys.executable, "-c", BARRIER + code, allowed], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert printed <= set(done.stdout.splitlines())
