"""A prior for each problem from its text: a ridge regression on unit vectors, fitted to other problems' outcomes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.beta.lbfgs import minimize_lbfgs
from assay.maths.beta.zero_inflated_beta import (
    Floats,
    ZeroInflatedBeta,
    fit_zero_inflated_beta,
    log_marginal,
    pseudo_solvable,
)

FOLDS = 10
PENALTIES = (1.0, 10.0, 100.0)  # of the ridge, in problems' worth of weight; the least cross-fitted error decides
EDGE = 0.01  # predictions are kept off 0 and 1


def fit_embedding_prior(correct: ArrayLike, wrong: ArrayLike, vectors: NDArray[np.float32]) -> ZeroInflatedBeta:
    """The prior is Beta(s m, s (1 - m)) with point masses at 0 and 1: m is the ridge's prediction, s the trust in it.

    Cross-fitted: problem i's ridge has not seen the tenth of the pool (i modulo 10) that i belongs to, so no outcome
    enters its own prior; only the five calibration parameters, which make the counts most likely, see all. An embedding
    without information gives every problem the same m, as `fit_zero_inflated_beta` does.

    Shapes: correct (n,), wrong (n,), vectors (n, d) -> fields (n,).

    Raises:
        ValueError: the number of vectors differs from that of the counts.
    """
    n_correct, n_wrong = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if len(vectors) != len(n_correct):
        raise ValueError(f"{len(vectors)} vectors for {len(n_correct)} problems")
    base = fit_zero_inflated_beta(n_correct, n_wrong)
    if len(n_correct) < 2 * FOLDS:
        a, b = (np.repeat(parameter, len(n_correct)) for parameter in (base.a, base.b))
        return ZeroInflatedBeta.of(a, b, base.zero, base.one)
    logits = _predict_logits(n_correct, n_wrong, np.asarray(vectors, dtype=np.float64), base)
    return _calibrate(logits, n_correct, n_wrong, base)


def _predict_logits(correct: Floats, wrong: Floats, vectors: Floats, base: ZeroInflatedBeta) -> Floats:
    """Cross-fitted logits, (n,), of a weighted ridge towards the pool's mean."""
    from scipy.linalg import cho_factor, cho_solve

    weight = (correct + wrong) / (correct + wrong + float((base.a + base.b)[0]))  # few attempts weigh little
    centre = float(base.mean()[0])
    attempted = correct + wrong > 0
    target = np.divide(correct, correct + wrong, out=np.full(len(correct), centre), where=attempted) - centre
    fold_of = np.arange(len(correct)) % FOLDS
    gram, moment = _moments(vectors, weight, target)
    predictions = np.zeros((len(PENALTIES), len(correct)))
    for fold in range(FOLDS):
        held_out = fold_of == fold
        own_gram, own_moment = _moments(vectors[held_out], weight[held_out], target[held_out])
        for row, penalty in enumerate(PENALTIES):
            factor = cho_factor(gram - own_gram + penalty * np.eye(vectors.shape[1]), check_finite=False)
            predictions[row, held_out] = vectors[held_out] @ cho_solve(factor, moment - own_moment, check_finite=False)
    best = predictions[np.argmin((weight * (predictions - target) ** 2).sum(axis=1))]
    return np.asarray(special.logit(np.clip(best + centre, EDGE, 1 - EDGE)))


def _moments(vectors: Floats, weight: Floats, target: Floats) -> tuple[Floats, Floats]:
    """X' W X and X' W y."""
    weighted = vectors * weight[:, None]
    return weighted.T @ vectors, weighted.T @ target


def _calibrate(logits: Floats, correct: Floats, wrong: Floats, base: ZeroInflatedBeta) -> ZeroInflatedBeta:
    """The prior whose shift, slope, strength and point masses make the counts most likely."""

    def prior(x: Floats) -> ZeroInflatedBeta:
        mean = np.clip(special.expit(x[0] + x[1] * logits), EDGE, 1 - EDGE)
        strength = np.exp(x[2])
        masses = special.softmax(np.array([x[3], x[4], 0.0]))
        return ZeroInflatedBeta.of(strength * mean, strength * (1 - mean), masses[0], masses[1])

    def loss(x: Floats) -> float:
        masses = special.log_softmax(np.array([x[3], x[4], 0.0]))
        penalty = ((x[2] - np.log(1.5)) ** 2) / 4.5 - masses[0] - masses[1] - pseudo_solvable(len(correct)) * masses[2]
        return float(penalty - log_marginal(prior(x), correct, wrong).sum())

    masses = np.log(np.array([base.zero[0], base.one[0]]) / base.between[0])
    start = np.array([0.0, 1.0, np.log((base.a + base.b)[0]), *masses])
    return prior(minimize_lbfgs(loss, start, bounds=[(-5, 5), (0, 5), (-3, 5), (-9, 6), (-9, 6)]))
