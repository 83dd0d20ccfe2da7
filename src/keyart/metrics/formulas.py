"""The declarations of keyart's own metrics; `keyart.metrics.registry` lists them."""

from dataclasses import replace

import torch
from torch import Tensor

from keyart.metrics import chance
from keyart.metrics.metric import Depth, Metric
from keyart.metrics.ranking import DecadeRanking, GenreRanking, Ranking


def ndcg(k: int) -> Metric:
    r"""Declare nDCG@k with linear gain; the ideal is over the whole gallery (Järvelin and Kekäläinen 2002).

    With g_i the gain of the row at rank i, ḡ the mean gain of the gallery, and as ideal the DCG@k of the gallery
    sorted by gain:

    .. math::

        \text{DCG@}k &= \sum_{i \le k} \frac{g_i}{\log_2(1 + i)} \\
        \text{nDCG@}k &= \frac{\text{DCG@}k}{\text{ideal}} \\
        \text{chance} &= \frac{\bar g}{\text{ideal}} \sum_{i \le k} \frac{1}{\log_2(1 + i)}

    Use it as the headline: it is the only one that counts degrees of relevance.
    """

    def value(r: Ranking) -> Tensor:
        gains = r.gains(k)
        return (gains * chance.discounts(k, gains.device)[: gains.shape[1]]).sum(dim=1) / r.ideal_dcg(k)

    return Metric(f"ndcg@{k}", value, lambda r: chance.expected_ndcg(r.gain_sum, r.ideal_dcg(k), r.n, k), k)


def precision(k: int) -> Metric:
    r"""Declare precision@k: relevant rows among the k nearest, over k, also if the gallery has fewer than k rows.

    With R relevant rows among n:

    .. math::

        \text{precision@}k = \frac{\text{relevant rows among the } k \text{ nearest}}{k},
            \qquad \text{chance} = \frac{R}{n}

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
    r"""Declare recall@k in the sense of metric learning: 1 if any of the k nearest is relevant, else 0.

    With R relevant rows among n:

    .. math::

        \text{chance} = 1 - \frac{\binom{n - R}{k}}{\binom{n}{k}}

    Use it to compare with papers of metric learning. With labels that many items share, chance is close to 1.
    """
    return Metric(
        f"recall@{k}",
        lambda r: r.hits(k).any(dim=1).to(torch.float64),
        lambda r: chance.expected_recall(r.relevant, r.n, k),
        k,
    )


def average_precision() -> Metric:
    r"""Declare MAP: the mean over relevant ranks i of the share of relevant rows among the first i, all ranks.

    With x_i = 1 if the row at rank i is relevant, else 0, and R relevant rows among n:

    .. math::

        \text{AP} &= \frac{1}{R} \sum_{i \le n} x_i \frac{x_1 + \ldots + x_i}{i} \\
        \text{chance} &= \frac{1}{n} \left(H_n + \frac{R - 1}{n - 1} (n - H_n)\right) \\
        H_n &= 1 + \frac{1}{2} + \ldots + \frac{1}{n}

    Use it if all relevant posters matter, not only the first page.
    """
    return _average_precision("map", "all")


def average_precision_at_r() -> Metric:
    r"""Declare MAP@R: the same sum over ranks up to R only, over R (Musgrave et al. 2020).

    .. math::

        \text{AP@}R &= \frac{1}{R} \sum_{i \le R} x_i \frac{x_1 + \ldots + x_i}{i} \\
        \text{chance} &= \frac{1}{n} \left(H_R + \frac{R - 1}{n - 1} (n - H_R)\right)

    Use it to compare with papers that follow "A metric learning reality check".
    """
    return _average_precision("map@r", "relevant")


def average_precision_at_k(k: int) -> Metric:
    r"""Declare MAP@k: the same sum over ranks up to k, over R.

    .. math::

        \text{AP@}k &= \frac{1}{R} \sum_{i \le k} x_i \frac{x_1 + \ldots + x_i}{i} \\
        \text{chance} &= \frac{1}{n} \left(H_k + \frac{R - 1}{n - 1} (n - H_k)\right)

    Use it for long galleries of which only the first k rows are ever shown.
    """
    return _average_precision(f"map@{k}", k)


def _average_precision(name: str, depth: Depth) -> Metric:
    def expected(r: Ranking) -> Tensor:
        last = {"all": r.n, "relevant": r.relevant}[depth] if isinstance(depth, str) else r.n.clamp(max=depth)
        return chance.expected_ap(r.relevant, r.n, last)

    return Metric(name, lambda r: r.precision_sum(depth) / r.relevant, expected, depth)
