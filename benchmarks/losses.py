"""Time of every loss, forward and backward, beside its nearest equivalent in pytorch-metric-learning; angular's memory.

    python benchmarks/losses.py [--threads 1 2] [--seconds 2] [--device cpu] [--only angular supcon]

Both get 256 unit vectors of 128 numbers and single labels of 23 genres: theirs as class numbers, ours as multi-hot
genres. Ours includes working out the relation of all pairs, as theirs does, where a loss compares posters; losses on
genres alone need none (in training it is worked out for them too).
Steps take turns; medians of times and of ratios are printed; the limit is 1.2. Beside it stands
the time of ours with one to three genres a poster, which theirs cannot take. Peak memory is that of a fresh process,
above what the same process needs for a batch of 64.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from pytorch_metric_learning import losses as pml
from torch import Tensor, nn

from keyart import losses as ours
from keyart.catalogue.relevance import Relevance
from keyart.losses.base import MetricLoss, Relations, compute_relations

BATCH, GENRES, SIZE, LIMIT = 256, 23, 128, 1.2


class Classifier(nn.Module):
    """Multi-label classifier without either library."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIZE, GENRES)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss."""
        return nn.functional.binary_cross_entropy_with_logits(
            self.linear(x), nn.functional.one_hot(labels, GENRES).float()
        )


class AuthorsAsymmetric(Classifier):
    """The asymmetric loss in the steps of its authors' code."""

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss."""
        true = nn.functional.one_hot(labels, GENRES).float()
        with_it = torch.sigmoid(self.linear(x))
        without = (1 - with_it + 0.05).clamp(max=1)
        loss = true * torch.log(with_it.clamp(min=1e-8)) + (1 - true) * torch.log(without.clamp(min=1e-8))
        right = with_it * true + without * (1 - true)
        return -(loss * torch.pow(1 - right, 4 * (1 - true))).mean()


class Both(nn.Module):
    """Sum of two losses."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss."""
        return self.first(x, labels) + self.second(x, labels)


def a_sum() -> MetricLoss:
    """Return the default of ``loss=sum``."""
    terms = {"angular": ours.AngularLoss(), "distillation": ours.DistillationLoss()}
    return ours.SumLoss(terms, {"angular": 1, "distillation": 1})


# Name: our loss, their loss, description of theirs.
CASES: dict[str, tuple[Callable[[], MetricLoss], Callable[[], nn.Module], str]] = {
    "angular": (ours.AngularLoss, lambda: pml.AngularLoss(alpha=45), "AngularLoss"),
    # Its namesake takes 23 pairs of a batch, ours all of them: not the same sum, but what a user would compare.
    "n_pair beside its namesake": (ours.NPairLoss, pml.NPairsLoss, "NPairsLoss"),
    # Over all pairs the same formula is this.
    "n_pair": (ours.NPairLoss, lambda: pml.NTXentLoss(temperature=1), "NTXentLoss(temperature=1)"),
    "n_pair one_per_genre": (lambda: ours.NPairLoss(pairs="one_per_genre"), pml.NPairsLoss, "NPairsLoss"),
    "angular_n_pair": (
        lambda: ours.AngularNPairLoss(pairs="one_per_genre"),
        lambda: Both(pml.AngularLoss(alpha=45), pml.NPairsLoss()),
        "AngularLoss + NPairsLoss",
    ),
    "triplet": (ours.TripletLoss, lambda: pml.TripletMarginLoss(margin=0.2), "TripletMarginLoss"),
    "contrastive": (ours.ContrastiveLoss, pml.ContrastiveLoss, "ContrastiveLoss"),
    "margin": (ours.MarginLoss, pml.MarginLoss, "MarginLoss"),
    "multi_similarity": (ours.MultiSimilarityLoss, pml.MultiSimilarityLoss, "MultiSimilarityLoss"),
    "circle": (ours.CircleLoss, pml.CircleLoss, "CircleLoss"),
    "ntxent": (ours.NTXentLoss, pml.NTXentLoss, "NTXentLoss"),
    "supcon": (ours.SupConLoss, pml.SupConLoss, "SupConLoss"),
    "ranked_list": (ours.RankedListLoss, lambda: pml.RankedListLoss(0.4, 5), "RankedListLoss"),
    "smooth_ap": (ours.SmoothAPLoss, pml.SmoothAPLoss, "SmoothAPLoss (16 classes of 16)"),
    "proxy_nca": (ours.ProxyNCALoss, lambda: pml.ProxyNCALoss(GENRES, SIZE), "ProxyNCALoss"),
    "proxy_anchor": (ours.ProxyAnchorLoss, lambda: pml.ProxyAnchorLoss(GENRES, SIZE), "ProxyAnchorLoss"),
    "arcface": (ours.ArcFaceLoss, lambda: pml.ArcFaceLoss(GENRES, SIZE), "ArcFaceLoss"),
    "cosface": (ours.CosFaceLoss, lambda: pml.CosFaceLoss(GENRES, SIZE), "CosFaceLoss"),
    "bce": (ours.BCELoss, Classifier, "(torch) Linear + BCEWithLogits"),
    "asymmetric": (ours.AsymmetricLoss, AuthorsAsymmetric, "(torch) Linear + the authors' code"),
    "gain_supcon": (ours.GainSupConLoss, pml.SupConLoss, "SupConLoss"),
    "regression": (ours.RegressionLoss, pml.ContrastiveLoss, "ContrastiveLoss"),
    "listwise": (ours.ListwiseLoss, pml.SupConLoss, "SupConLoss"),
    "distillation": (ours.DistillationLoss, pml.SupConLoss, "SupConLoss"),
    "sum": (a_sum, lambda: Both(pml.AngularLoss(alpha=45), pml.SupConLoss()), "AngularLoss + SupConLoss"),
}


def several_genres(device: str) -> Tensor:
    """(256, 23) one to three genres a poster, the first ones frequent, as in a catalogue."""
    generator = torch.Generator().manual_seed(0)
    frequent = 1 / torch.arange(1, GENRES + 1)
    drawn = torch.multinomial(frequent.expand(BATCH, GENRES), 3, generator=generator)
    keep = torch.arange(3) < torch.randint(1, 4, (BATCH, 1), generator=generator)
    return torch.zeros(BATCH, GENRES).scatter_add_(1, drawn, keep.float()).to(device)


def our_step(loss: MetricLoss, genres: Tensor) -> Callable[[], None]:
    """Return a forward and backward step, including the relations if the loss compares posters."""
    device = genres.device
    x = nn.functional.normalize(torch.randn(BATCH, SIZE, device=device), dim=1).requires_grad_()
    index, relevance = torch.arange(BATCH, device=device), Relevance("jaccard")
    features = torch.randn(BATCH, SIZE, device=device) if loss.needs_frozen_features else None
    frozen = None if features is None else (features, features)
    loss.build(SIZE, torch.ones(genres.shape[1]), BATCH)
    loss.to(device)

    def relation() -> Relations:
        return compute_relations(genres, genres, relevance, index, index, frozen=frozen)

    given = None if loss.supports_memory else relation()

    def step() -> None:
        x.grad = None
        loss(x, given or relation()).backward()

    return step


def their_step(loss: nn.Module, labels: Tensor) -> Callable[[], None]:
    """Forward and backward."""
    x = nn.functional.normalize(torch.randn(BATCH, SIZE, device=labels.device), dim=1).requires_grad_()
    loss.to(labels.device)

    def step() -> None:
        x.grad = None
        loss(x, labels).backward()

    return step


def labels_for(name: str, device: str) -> Tensor:
    """Single labels; Smooth-AP of pytorch-metric-learning takes only n classes of n, in order."""
    if name == "smooth_ap":
        return torch.arange(16, device=device).repeat_interleave(16)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(GENRES, (BATCH,), generator=generator).to(device)


def wait(device: str) -> None:
    """Wait until a GPU has finished its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def timed(step: Callable[[], None], device: str) -> float:
    """Return the milliseconds of one step; a fast step runs once before to warm up."""
    for _ in range(2):
        start = time.perf_counter()
        step()
        wait(device)
        taken = (time.perf_counter() - start) * 1e3
        if taken > 200:
            break
    return taken


def medians(steps: list[Callable[[], None]], seconds: float, device: str) -> tuple[list[float], float]:
    """Median milliseconds of each step, and the median ratio of the first to the second; the steps take turns."""
    rounds: list[list[float]] = []
    for step in steps:
        timed(step, device)
    start = time.perf_counter()
    while len(rounds) < 5 or (time.perf_counter() - start < seconds and len(rounds) < 500):
        rounds.append([timed(step, device) for step in steps])
    ratio = statistics.median(first / second for first, second, *_ in rounds)
    return [statistics.median(column) for column in zip(*rounds, strict=True)], ratio


MEMORY = """
import re, sys
from benchmarks.losses import *
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
torch.set_num_threads(1)
single = nn.functional.one_hot(labels_for("angular", "cpu"), GENRES).float()
def run(n):
    if "{which}" == "ours":
        x = nn.functional.normalize(torch.randn(n, SIZE), dim=1).requires_grad_()
        index = torch.arange(n)
        ours.AngularLoss()(x, relate(single[:n], single[:n], Relevance("jaccard"), index, index)).backward()
    else:
        x = nn.functional.normalize(torch.randn(n, SIZE), dim=1).requires_grad_()
        pml.AngularLoss(alpha=45)(x, labels_for("angular", "cpu")[:n]).backward()
run(64)
before = peak()
run(BATCH)
print(peak() - before)
"""


def angular_memory(which: str, device: str) -> float:
    """Return the peak memory of one step with 256 posters, in MB."""
    if device == "cuda":
        labels = labels_for("angular", device)
        single = nn.functional.one_hot(labels, GENRES).float()
        step = our_step(ours.AngularLoss(), single) if which == "ours" else their_step(pml.AngularLoss(45), labels)
        step()
        base = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        return (torch.cuda.max_memory_allocated() - base) / 2**20
    command = [sys.executable, "-c", MEMORY.replace("{which}", which)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each loss")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    arguments = parser.parse_args()
    several, over = several_genres(arguments.device), []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        print(f"\n{arguments.device}, {threads} thread(s), batch {BATCH}, {GENRES} genres: milliseconds, medians")
        print("| loss | ours | pytorch-metric-learning | ratio | nearest equivalent | ours, several genres |")
        print("|---|---|---|---|---|---|")
        for name in arguments.only:
            make, theirs, summary = CASES[name]
            torch.manual_seed(0)
            labels = labels_for(name, arguments.device)
            single = nn.functional.one_hot(labels, GENRES).float()
            steps = [our_step(make(), single), their_step(theirs(), labels), our_step(make(), several)]
            (mine, other, multi), ratio = medians(steps, arguments.seconds, arguments.device)
            print(f"| {name} | {mine:.2f} | {other:.2f} | {ratio:.2f} | {summary} | {multi:.2f} |", flush=True)
            if ratio > LIMIT:
                over.append(f"{name} ({threads} threads): {ratio:.2f}")
    if "angular" in arguments.only:
        mine, other = (angular_memory(which, arguments.device) for which in ("ours", "theirs"))
        print(f"\nangular, peak memory of a step: ours {mine:.1f} MB, pytorch-metric-learning {other:.1f} MB")
        if mine >= other:
            over.append("angular's memory")
    print(f"limit {LIMIT}: " + ("kept by all" if not over else "exceeded by " + ", ".join(over)))


if __name__ == "__main__":
    main()
