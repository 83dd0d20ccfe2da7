"""Naive references: each loss by its paper's formula, pair by pair; ``x`` and ``y`` are the loss's input."""

import math

import torch
from torch.nn.functional import normalize

ZERO = torch.zeros((), dtype=torch.float64)


def mean(terms):
    return torch.stack(terms).mean() if terms else ZERO


def exp_sum(terms):
    return sum((torch.exp(term) for term in terms), ZERO)


def pairs_of(rel):
    """Return each anchor's positives and negatives."""
    n = len(rel.positive)
    if rel.triplets is None:
        return (
            [rel.positive[a].nonzero().flatten().tolist() for a in range(n)],
            [rel.negative[a].nonzero().flatten().tolist() for a in range(n)],
        )
    named = rel.triplets.T.tolist()
    return (
        [sorted({p for a, p, _ in named if a == i}) for i in range(n)],
        [sorted({q for a, _, q in named if a == i}) for i in range(n)],
    )


def triplets_of(rel):
    if rel.triplets is not None:
        return rel.triplets.T.tolist()
    positives, negatives = pairs_of(rel)
    return [(a, p, n) for a in range(len(positives)) for p in positives[a] for n in negatives[a]]


def compared_of(rel):
    """Return each anchor's other posters; the batches of these tests contain no poster twice."""
    n, m = rel.gain.shape
    return [[j for j in range(m) if n != m or i != j] for i in range(n)]


def genres_of(rel):
    return [row.nonzero().flatten().tolist() for row in rel.genres]


def angular(loss, x, y, rel):
    t = math.tan(math.radians(loss.margin)) ** 2
    positives, negatives = pairs_of(rel)
    named = triplets_of(rel)
    terms = []
    for a in range(len(x)):
        for p in positives[a]:
            against = negatives[a] if rel.triplets is None else [n for i, j, n in named if (i, j) == (a, p)]
            f = [4 * t * ((x[a] + y[p]) @ y[n]) - 2 * (1 + t) * (x[a] @ y[p]) for n in against]
            terms.append(torch.log(1 + exp_sum(f)))
    return mean(terms)


def n_pair(loss, x, y, rel):
    positives, negatives = pairs_of(rel)
    if loss.pairs == "all":
        return mean(
            [
                torch.log(1 + exp_sum([x[a] @ y[n] - x[a] @ y[p] for n in negatives[a]]))
                for a in range(len(x))
                for p in positives[a]
            ]
        )
    chosen = []
    for g in range(rel.genres.shape[1]):
        shared = [
            (a, p)
            for a in range(len(x))
            for p in positives[a]
            if rel.genres[a, g] == 1 and rel.reference_genres[p, g] == 1
        ]
        chosen += shared[:1]
    terms = []
    for a, p in chosen:
        against = [q for _, q in chosen if q in negatives[a]]
        terms.append(torch.log(1 + exp_sum([x[a] @ y[q] - x[a] @ y[p] for q in against])))
    return mean(terms)


def angular_n_pair(loss, x, y, rel):
    return n_pair(loss.n_pair, x, y, rel) + loss.angular_weight * angular(loss, x, y, rel)


def triplet(loss, x, y, rel):
    terms = []
    for a, p, n in triplets_of(rel):
        near, far = (x[a] - y[p]).norm(), (x[a] - y[n]).norm()
        semi = loss.mining == "semi_hard" and rel.triplets is None
        if near - far + loss.margin > 0 and not (semi and near >= far):
            terms.append(near - far + loss.margin)
    return mean(terms)


def contrastive(loss, x, y, rel):
    positives, negatives = pairs_of(rel)
    pull = [(x[a] - y[p]).norm() - loss.positive_margin for a in range(len(x)) for p in positives[a]]
    push = [loss.margin - (x[a] - y[n]).norm() for a in range(len(x)) for n in negatives[a]]
    return mean([v for v in pull if v > 0]) + mean([v for v in push if v > 0])


def margin(loss, x, y, rel):
    genres = genres_of(rel)
    total, count, boundaries = ZERO, 0, []
    for a, p, n in triplets_of(rel):
        beta = loss.beta[0] if len(loss.beta) == 1 else mean([loss.beta[g] for g in genres[a]])
        boundaries.append(beta)
        for bracket in (
            (x[a] - y[p]).norm() - beta + loss.margin,
            beta - (x[a] - y[n]).norm() + loss.margin,
        ):
            if bracket > 0:
                total, count = total + bracket, count + 1
    value = total / count
    if loss.learn_beta == "genre":
        value = value + loss.nu * sum(boundaries) / count
    elif loss.learn_beta:
        value = value + loss.nu * loss.beta[0]
    return value


def multi_similarity(loss, x, y, rel):
    positives, negatives = pairs_of(rel)
    terms = []
    for a in range(len(x)):
        near = torch.log(1 + exp_sum([-loss.alpha * (x[a] @ y[p] - loss.margin) for p in positives[a]]))
        far = torch.log(1 + exp_sum([loss.beta * (x[a] @ y[n] - loss.margin) for n in negatives[a]]))
        terms.append(near / loss.alpha + far / loss.beta)
    return mean(terms)


def circle(loss, x, y, rel):
    positives, negatives = pairs_of(rel)
    m, terms = loss.margin, []
    for a in range(len(x)):
        if not positives[a] or not negatives[a]:
            continue
        near = [x[a] @ y[p] for p in positives[a]]
        far = [x[a] @ y[n] for n in negatives[a]]
        pull = exp_sum([-loss.gamma * max(0, 1 + m - s.item()) * (s - (1 - m)) for s in near])
        push = exp_sum([loss.gamma * max(0, s.item() + m) * (s - m) for s in far])
        terms.append(torch.log(1 + pull * push))
    return mean([term for term in terms if term > 0])


def ntxent(loss, x, y, rel):
    positives, negatives = pairs_of(rel)
    terms = []
    for a in range(len(x)):
        for p in positives[a]:
            top = torch.exp(x[a] @ y[p] / loss.temperature)
            terms.append(-torch.log(top / (top + exp_sum([x[a] @ y[n] / loss.temperature for n in negatives[a]]))))
    return mean(terms)


def supcon(loss, x, y, rel):
    positives, negatives = pairs_of(rel)
    terms = []
    for a in range(len(x)):
        s = {j: x[a] @ y[j] / loss.temperature for j in positives[a] + negatives[a]}
        total = exp_sum(s.values())
        if positives[a]:
            terms.append(-mean([torch.log(torch.exp(s[p]) / total) for p in positives[a]]))
    return mean([term for term in terms if term > 0])


def gain_supcon(loss, x, y, rel):
    terms = []
    for a, others in enumerate(compared_of(rel)):
        s = {j: x[a] @ y[j] / loss.temperature for j in others}
        weight = {j: rel.gain[a, j].double() ** loss.power for j in others}
        if sum(weight.values()) > 0:
            total = exp_sum(s.values())
            log = sum(weight[j] * torch.log(torch.exp(s[j]) / total) for j in others)
            terms.append(-log / sum(weight.values()))
    return mean([term for term in terms if term > 0])


def ranked_list(loss, x, y, rel):
    alpha = 1 + loss.margin / 2 if loss.alpha is None else loss.alpha
    positives, negatives = pairs_of(rel)
    terms = []
    for a in range(len(x)):
        near = [(x[a] - y[p]).norm() - (alpha - loss.margin) for p in positives[a]]
        far = [alpha - (x[a] - y[n]).norm() for n in negatives[a]]
        parts = []
        for beyond, temperature in ((near, loss.positive_temperature), (far, loss.negative_temperature)):
            weights = [torch.exp(temperature * d) for d in beyond if d > 0]
            top = sum((w * d for w, d in zip(weights, [d for d in beyond if d > 0], strict=True)), ZERO)
            parts.append(top / (sum(weights, ZERO) + 1e-5 * len(y)))
        terms.append((1 - loss.imbalance) * parts[0] + loss.imbalance * parts[1])
    return mean(terms)


def smooth_ap(loss, x, y, rel):
    positives, negatives = pairs_of(rel)
    terms = []
    for a in range(len(x)):
        relevant = positives[a] + ([a] if y is x and positives[a] else [])
        s = {j: x[a] @ y[j] for j in relevant + negatives[a]}

        def rank(j, among, s=s):
            return 1 + sum((1 / (1 + torch.exp(-(s[k] - s[j]) / loss.temperature)) for k in among if k != j), ZERO)

        if relevant:
            terms.append(1 - mean([rank(j, relevant) / rank(j, relevant + negatives[a]) for j in relevant]))
    return mean(terms)


def true_against_untrue(own, others, genres):
    """Return the mean over posters of the mean over their genres c of −log(e^own_c / (e^own_c + Σ e^others_z))."""
    terms = []
    for i, mine in enumerate(genres):
        against = exp_sum([others[i][z] for z in range(len(others[i])) if z not in mine])
        if mine:
            terms.append(mean([-torch.log(torch.exp(own[i][c]) / (torch.exp(own[i][c]) + against)) for c in mine]))
    return mean(terms)


def proxy_nca(loss, x, y, rel):
    away = [[-loss.scale * ((v - normalize(p, dim=0)) ** 2).sum() for p in loss.proxies] for v in x]
    return true_against_untrue(away, away, genres_of(rel))


def cosines(loss, x):
    return [[v @ p / p.norm() for p in loss.proxies] for v in x]


def proxy_anchor(loss, x, y, rel):
    s, genres = cosines(loss, x), genres_of(rel)
    near, far = [], []
    for g in range(len(loss.proxies)):
        having = [i for i in range(len(x)) if g in genres[i]]
        lacking = [i for i in range(len(x)) if g not in genres[i]]
        if having:
            near.append(torch.log(1 + exp_sum([-loss.alpha * (s[i][g] - loss.margin) for i in having])))
        far.append(torch.log(1 + exp_sum([loss.alpha * (s[i][g] + loss.margin) for i in lacking])))
    return mean(near) + mean(far)


def arcface(loss, x, y, rel):
    m = math.radians(loss.margin)

    def turned(cosine):
        angle = torch.acos(cosine)
        return torch.cos(angle + m) if angle <= math.pi - m else cosine - m * math.sin(m)

    s = cosines(loss, x)
    own = [[loss.scale * turned(v) for v in row] for row in s]
    return true_against_untrue(own, [[loss.scale * v for v in row] for row in s], genres_of(rel))


def cosface(loss, x, y, rel):
    s = cosines(loss, x)
    own = [[loss.scale * (v - loss.margin) for v in row] for row in s]
    return true_against_untrue(own, [[loss.scale * v for v in row] for row in s], genres_of(rel))


def probabilities(loss, x):
    weight, bias = loss.classifier.weight, loss.classifier.bias
    return [[1 / (1 + torch.exp(-(v @ w + b))) for w, b in zip(weight, bias, strict=True)] for v in x]


def bce(loss, x, y, rel):
    terms = []
    for row, has in zip(probabilities(loss, x), rel.genres, strict=True):
        for g, p in enumerate(row):
            terms.append(-loss.pos_weight[g] * torch.log(p) if has[g] else -torch.log(1 - p))
    return mean(terms)


def asymmetric(loss, x, y, rel):
    terms = []
    for row, has in zip(probabilities(loss, x), rel.genres, strict=True):
        for g, p in enumerate(row):
            if has[g]:
                terms.append(-((1 - p) ** loss.positive_focus) * torch.log(p))
            else:
                shifted = p - loss.margin if p > loss.margin else ZERO
                terms.append(-(shifted**loss.negative_focus) * torch.log(1 - shifted))
    return mean(terms)


def regression(loss, x, y, rel):
    kinds = {True: [], False: []}
    for a, others in enumerate(compared_of(rel)):
        for j in others:
            target = loss.low + (1 - loss.low) * rel.gain[a, j].double()
            kinds[bool(rel.gain[a, j] > 0)].append((x[a] @ y[j] - target) ** 2)
    if loss.weighting == "none":
        return mean(kinds[True] + kinds[False])
    return mean([mean(kind) for kind in kinds.values() if kind])


def divergences(loss, target, x, y, rel):
    terms = []
    for a, others in enumerate(compared_of(rel)):
        expected = [torch.exp(target(a, j)) for j in others]
        given = [torch.exp(x[a] @ y[j] / loss.temperature) for j in others]
        p, q = [w / sum(expected) for w in expected], [v / sum(given) for v in given]
        terms.append(sum(u * (torch.log(u) - torch.log(v)) for u, v in zip(p, q, strict=True)))
    return terms


def listwise(loss, x, y, rel):
    terms = divergences(loss, lambda a, j: rel.gain[a, j].double() / loss.gain_temperature, x, y, rel)
    others = compared_of(rel)
    return mean([term for a, term in enumerate(terms) if any(rel.gain[a, j] > 0 for j in others[a])])


def distillation(loss, x, y, rel):
    if loss.form == "mse":
        others = compared_of(rel)
        return mean([(x[a] @ y[j] - rel.frozen[a, j].double()) ** 2 for a in range(len(x)) for j in others[a]])
    return mean(divergences(loss, lambda a, j: rel.frozen[a, j].double() / loss.temperature, x, y, rel))


def sum_(loss, x, y, rel):
    total = ZERO
    for name, term in loss.losses().items():
        takes = (lambda v: v) if term.input_kind == "raw" else (lambda v: normalize(v, dim=1))
        mine = takes(x)
        total = total + loss.weights[name] * NAIVE[name](term, mine, mine if y is x else takes(y), rel)
    return total


# Names of the margin argument in the classes of pytorch-metric-learning.
PML_MARGINS = {
    "CircleLoss": "m", "ContrastiveLoss": "neg_margin", "GeneralizedLiftedStructureLoss": "neg_margin",
    "LiftedStructureLoss": "neg_margin", "MarginLoss": "margin", "MultiSimilarityLoss": "base",
    "SignalToNoiseRatioContrastiveLoss": "neg_margin", "ThresholdConsistentMarginLoss": "margin_minus",
    "TripletMarginLoss": "margin", "TupletMarginLoss": "margin",
}  # fmt: skip


def pml_class(name, margin=None, args=None):
    """Build the class as users of pytorch-metric-learning do."""
    from pytorch_metric_learning import losses

    return getattr(losses, name)(**({} if margin is None else {PML_MARGINS[name]: margin}), **(args or {}))


def pml(loss, x, y, rel):
    theirs = pml_class(loss.class_name, loss.margin)
    for key in ("pos_margin", "gamma", "learn_beta", "nu", "beta", "smooth_loss", "scale"):
        if hasattr(theirs, key):
            setattr(theirs, key, getattr(loss.loss, key))
    if rel.triplets is not None:
        indices = torch.tensor(rel.triplets.T.tolist()).T
    else:
        positives, negatives = pairs_of(rel)
        near = [(a, p) for a, row in enumerate(positives) for p in row]
        far = [(a, n) for a, row in enumerate(negatives) for n in row]
        indices = (*torch.tensor(near).T, *torch.tensor(far).T)
    return theirs(x, None, tuple(indices), ref_emb=None if y is x else y).reshape(())


NAIVE = {
    "angular": angular, "n_pair": n_pair, "angular_n_pair": angular_n_pair, "triplet": triplet,
    "contrastive": contrastive, "margin": margin, "multi_similarity": multi_similarity, "circle": circle,
    "ntxent": ntxent, "supcon": supcon, "gain_supcon": gain_supcon, "ranked_list": ranked_list,
    "smooth_ap": smooth_ap, "proxy_nca": proxy_nca, "proxy_anchor": proxy_anchor, "arcface": arcface,
    "cosface": cosface, "bce": bce, "asymmetric": asymmetric, "regression": regression, "listwise": listwise,
    "distillation": distillation, "pml": pml, "sum": sum_,
}  # fmt: skip
