"""How uncertain a sum over a pool's posteriors is because their prior was fitted to the same pool.

The posteriors' own spread knows nothing of it. Problems are chosen by the fit, so an error of the fit does not cancel
over them: in a pool of two rates all that is chosen may come from one, and that whose estimate is too near to one half
is chosen. Shapes: n problems.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from assay.maths.beta.two_betas import NARROW, RatePrior, TwoBetas, TwoBetasObjective, unpack_two_betas, widen
from assay.maths.beta.zero_inflated_beta import BetaObjective, Floats, ZeroInflatedBeta, unpack_beta

STEP = 1e-3  # of the differences that stand for derivatives
LEAST_CURVATURE = 0.02  # of the fit's objective; near a bound it is flat, and what it says of the signal is small
LEAST_LOGIT = -9.0  # of a mass, as in the fits

Measure = Callable[[RatePrior], Floats]
Gradient = Callable[[Floats], Floats]
Unpack = Callable[[Floats], RatePrior]


def prior_error(prior: RatePrior, correct: ArrayLike, wrong: ArrayLike, measure: Measure, rows: ArrayLike) -> float:
    """The standard error of the sum of a measure of these rows' posteriors, as far as the fit of the prior goes.

    Laplace's approximation of the fit's posterior and the delta method: sqrt(g' H^-1 g), where g is the slope of the
    sum by the prior's parameters and H the curvature of the fit's objective.

    Args as columns: prior of shape (1,), as `fit_rate_prior` returns it; correct (n,), wrong (n,), that it was fitted
    to; measure, of each posterior; rows, row numbers.

    Source: Kass and Steffey (1989), Approximate Bayesian Inference in Conditionally Independent Hierarchical Models.
    """
    counts = np.stack([np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)])
    pairs, multiplicity = np.unique(counts, axis=1, return_counts=True)
    x, gradient, unpack = _parameters(prior, pairs, multiplicity.astype(np.float64))
    states, copies = np.unique(counts[:, np.asarray(rows)], axis=1, return_counts=True)

    def total(at: Floats) -> float:
        return float(measure(unpack(at).posterior(states[0], states[1])) @ copies)

    steps = STEP * np.eye(len(x))
    slope = np.array([total(x + step) - total(x - step) for step in steps]) / (2 * STEP)
    curvature = np.array([gradient(x + step) - gradient(x - step) for step in steps]) / (2 * STEP)
    eigenvalues, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return float(np.sqrt(((slope @ vectors) ** 2 / np.maximum(eigenvalues, LEAST_CURVATURE)).sum()))


def _parameters(prior: RatePrior, pairs: Floats, multiplicity: Floats) -> tuple[Floats, Gradient, Unpack]:
    """The fitted parameters, the gradient of the objective at any, and the prior of any."""
    if isinstance(prior, ZeroInflatedBeta):
        objective = BetaObjective(pairs[0], pairs[1], multiplicity)
        return _pack_beta(prior), lambda x: objective(x)[1], unpack_beta
    two = TwoBetasObjective(pairs[0], pairs[1], multiplicity)
    x = _pack_two_betas(prior)
    strengths = [float(np.log(part.a + part.b)[0]) for part in (prior.first, prior.second)]
    if max(abs(strength - NARROW) for strength in strengths) > 1e-6:
        return x, lambda at: two(at)[1], unpack_two_betas
    narrow = np.array([x[0] - x[1], x[2], x[3], x[4] - x[5], x[6]])
    return narrow, lambda at: two.narrow(at)[1], lambda at: unpack_two_betas(widen(at))


def _pack_beta(prior: ZeroInflatedBeta) -> Floats:
    masses = np.concatenate([prior.zero, prior.one]) / prior.between[0]
    return np.array([np.log(prior.a[0]), np.log(prior.b[0]), *_logits(masses)])


def _pack_two_betas(prior: TwoBetas) -> Floats:
    first, second, weight = prior.first, prior.second, float(prior.weight[0])
    masses = (1 - weight) * np.concatenate([first.zero, first.one])
    between = 1 - masses.sum()
    shapes = [np.log(shape[0]) for shape in (first.a, first.b, second.a, second.b)]
    return np.array([*shapes[:2], *_logits(masses / between), *shapes[2:], np.log(weight / (between - weight))])


def _logits(odds: Floats) -> Floats:
    return np.maximum(np.log(np.maximum(odds, 1e-300)), LEAST_LOGIT)
