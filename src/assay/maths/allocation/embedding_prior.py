"""A prior of its own for each problem, from where its text lies: a ridge on unit vectors, fitted on other problems' outcomes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from assay.maths.beta.lbfgs import minimum
from assay.maths.beta.zero_inflated_beta import Floats, ZeroInflatedBeta, fitted, log_marginal, pseudo_solvable

FOLDS = 10
PENALTIES = (
    1.0,
    10.0,
    100.0,
)  # of the ridge, in problems' worth of weight; the one whose cross-fitted error is least is taken
EDGE = 0.01  # predictions are kept off 0 and 1


def predicted(correct: ArrayLike, wrong: ArrayLike, vectors: NDArray[np.float32]) -> ZeroInflatedBeta:
    """Beta(s m, s (1 - m)) with point masses at 0 and 1: m is what the ridge expects of the problem, s how far the pool says to trust it.

    Cross-fitted: problem i's ridge has seen nothing of the tenth of the pool (i modulo 10) that it belongs to, so no outcome enters its own
    prior; only five numbers of the calibration see all. They are those that make the counts most likely; an embedding that says nothing gives
    everybody one m, as `fitted` does. Shapes: correct (n,), wrong (n,), vectors (n, d) -> fields (n,).

    Raises:
        ValueError: rows of vectors and counts differ.
    """
    right, failed = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if len(vectors) != len(right):
        raise ValueError(f"{len(vectors)} vectors for {len(right)} problems")
    base = fitted(right, failed)
    if len(right) < 2 * FOLDS:
        return ZeroInflatedBeta.of(np.repeat(base.a, len(right)), np.repeat(base.b, len(right)), base.zero, base.one)
    return _calibrated(_guess(right, failed, np.asarray(vectors, dtype=np.float64), base), right, failed, base)


def _guess(right: Floats, failed: Floats, vectors: Floats, base: ZeroInflatedBeta) -> Floats:
    """Cross-fitted logits, (n,): a weighted ridge towards the pool's mean."""
    from scipy.linalg import cho_factor, cho_solve

    weight = (right + failed) / (
        right + failed + float((base.a + base.b)[0])
    )  # a problem with few attempts says little
    centre = float(base.mean()[0])
    target = np.divide(right, right + failed, out=np.full(len(right), centre), where=right + failed > 0) - centre
    fold = np.arange(len(right)) % FOLDS
    whole, toward = _moments(vectors, weight, target)
    made = np.zeros((len(PENALTIES), len(right)))
    for part in range(FOLDS):
        mine = fold == part
        own, own_toward = _moments(vectors[mine], weight[mine], target[mine])
        for row, penalty in enumerate(PENALTIES):
            factor = cho_factor(whole - own + penalty * np.eye(vectors.shape[1]), check_finite=False)
            made[row, mine] = vectors[mine] @ cho_solve(factor, toward - own_toward, check_finite=False)
    best = made[np.argmin((weight * (made - target) ** 2).sum(axis=1))]
    return np.asarray(special.logit(np.clip(best + centre, EDGE, 1 - EDGE)))


def _moments(vectors: Floats, weight: Floats, target: Floats) -> tuple[Floats, Floats]:
    weighted = vectors * weight[:, None]
    return weighted.T @ vectors, weighted.T @ target


def _calibrated(guess: Floats, right: Floats, failed: Floats, base: ZeroInflatedBeta) -> ZeroInflatedBeta:
    """The belief whose shift, slope, strength and point masses make the counts most likely."""

    def belief(x: Floats) -> ZeroInflatedBeta:
        m = np.clip(special.expit(x[0] + x[1] * guess), EDGE, 1 - EDGE)
        strength = np.exp(x[2])
        masses = special.softmax(np.array([x[3], x[4], 0.0]))
        return ZeroInflatedBeta.of(strength * m, strength * (1 - m), masses[0], masses[1])

    def loss(x: Floats) -> float:
        masses = special.log_softmax(np.array([x[3], x[4], 0.0]))
        held = ((x[2] - np.log(1.5)) ** 2) / 4.5 - masses[0] - masses[1] - pseudo_solvable(len(right)) * masses[2]
        return float(held - log_marginal(belief(x), right, failed).sum())

    masses = np.log(np.array([base.zero[0], base.one[0]]) / base.between[0])
    start = np.array([0.0, 1.0, np.log((base.a + base.b)[0]), *masses])
    return belief(minimum(loss, start, bounds=[(-5, 5), (0, 5), (-3, 5), (-9, 6), (-9, 6)]))
