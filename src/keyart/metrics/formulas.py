"""The declarations of keyart's own metrics; `keyart.metrics.registry` lists them."""

from dataclasses import replace

import torch
from torch import Tensor

from keyart.metrics import chance
from keyart.metrics.metric import Depth, Metric
from keyart.metrics.ranking import DecadeRanking, GenreRanking, Ranking


def ndcg(k: int) -> Metric:
    """Declare nDCG@k with linear gain; the ideal is over the whole gallery (Järvelin and Kekäläinen 2002).

    With g_i the gain of the row at rank i:

        DCG@k = Σ_{i ≤ k} g_i / log2(1 + i)
        nDCG@k = DCG@k / (DCG@k of the gallery sorted by gain)
        chance = mean gain of the gallery · Σ_{i ≤ k} 1 / log2(1 + i) / (the same ideal)

    Use it as the headline: it is the only one that counts degrees of relevance.
    """

    def value(r: Ranking) -> Tensor:
        gains = r.gains(k)
        return (gains * chance.discounts(k, gains.device)[: gains.shape[1]]).sum(dim=1) / r.ideal_dcg(k)

    return Metric(f"ndcg@{k}", value, lambda r: chance.expected_ndcg(r.gain_sum, r.ideal_dcg(k), r.n, k), k)


def precision(k: int) -> Metric:
    """Declare precision@k: relevant rows among the k nearest, over k, also if the gallery has fewer than k rows.

        precision@k = (relevant rows among the k nearest) / k
        chance = R / n, with R relevant rows among n

    Use it for what a person sees: a row of k posters.
    """
    return Metric(
        f"precision@{k}",
        lambda r: r.hits(k).sum(dim=1, dtype=torch.float64) / k,
        lambda r: chance.expected_precision(r.relevant, r.n, k),
        k,
    )


def genre_precision(k: int) -> Metric:
    """Declare precision@k for each genre, over queries that have it; a row is relevant if it has the genre.

    Use it to see which genres an embedding knows. The mean over genres is ``precision@k/genre_macro``.
    """
    return replace(precision(k), name=f"precision@{k}/genre", relevance=GenreRanking)


def decade_precision(k: int) -> Metric:
    """Declare precision@k where a row is relevant if it is of the query's decade; only where years are known.

    Use it to see what an embedding keeps beyond its labels: no loss is trained on years.
    """
    return replace(precision(k), name=f"precision@{k}/decade", relevance=DecadeRanking)


def recall(k: int) -> Metric:
    """Declare recall@k in the sense of metric learning: 1 if any of the k nearest is relevant, else 0.

        chance = 1 − C(n − R, k) / C(n, k), with R relevant rows among n

    Use it to compare with papers of metric learning. With labels that many items share, chance is close to 1.
    """
    return Metric(
        f"recall@{k}",
        lambda r: r.hits(k).any(dim=1).to(torch.float64),
        lambda r: chance.expected_recall(r.relevant, r.n, k),
        k,
    )


def average_precision() -> Metric:
    """Declare MAP: the mean over relevant ranks i of the share of relevant rows among the first i, all ranks.

    With x_i = 1 if the row at rank i is relevant, else 0, and R relevant rows among n:

        AP = 1/R Σ_{i ≤ n} x_i · (x_1 + … + x_i) / i
        chance = 1/n (H_n + (R − 1)/(n − 1) · (n − H_n)), with H_n = 1 + 1/2 + … + 1/n

    Use it if all relevant posters matter, not only the first page.
    """
    return _average_precision("map", "all")


def average_precision_at_r() -> Metric:
    """Declare MAP@R: the same sum over ranks up to R only, over R (Musgrave et al. 2020).

        AP@R = 1/R Σ_{i ≤ R} x_i · (x_1 + … + x_i) / i
        chance = 1/n (H_R + (R − 1)/(n − 1) · (R − H_R))

    Use it to compare with papers that follow "A metric learning reality check".
    """
    return _average_precision("map@r", "relevant")


def average_precision_at_k(k: int) -> Metric:
    """Declare MAP@k: the same sum over ranks up to k, over R.

        AP@k = 1/R Σ_{i ≤ k} x_i · (x_1 + … + x_i) / i
        chance = 1/n (H_k + (R − 1)/(n − 1) · (k − H_k))

    Use it for long galleries of which only the first k rows are ever shown.
    """
    return _average_precision(f"map@{k}", k)


def _average_precision(name: str, depth: Depth) -> Metric:
    def expected(r: Ranking) -> Tensor:
        last = {"all": r.n, "relevant": r.relevant}[depth] if isinstance(depth, str) else r.n.clamp(max=depth)
        return chance.expected_ap(r.relevant, r.n, last)

    return Metric(name, lambda r: r.precision_sum(depth) / r.relevant, expected, depth)
