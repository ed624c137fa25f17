"""Pass rates of one pool under two policies: what moved, and what the first's rates say of the second's.

Both rates of a problem lie on a grid of m points from 0 to 1. Their joint distribution over the pool, (m, m), first
policy by rows, is fitted to the counts of both. Shapes: n problems.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.maths.beta.zero_inflated_beta import Floats, ZeroInflatedBeta

POINTS = 41
GRID = np.linspace(0.0, 1.0, POINTS)
STEPS = 60  # of the fit: few enough that the distribution stays smooth
PSEUDO = 10.0  # problems' worth of weight of the distribution before any count
RANGE = 3.0  # points over which two rates of one problem are alike, before any count
STRENGTHS = (0.2, 200.0)  # of a + b of the priors that `prior_given` makes


@dataclass(frozen=True, slots=True)
class PairedRates:
    """What is known of n problems under policies A and B, (n,) each."""

    before: Floats  # the expected rate of A
    after: Floats  # of B
    difference: Floats  # after - before
    low: Floats  # ends of its interval
    high: Floats
    chance: Floats  # P(B solves it more often than A); half of the chance that they are equal counts


def fit_joint_rates(before: ArrayLike, after: ArrayLike) -> Floats:
    """The joint distribution of both rates that makes the counts likely, (m, m), of sum 1.

    A few steps of expectation maximisation from rates that are anything, or nearly alike; that start keeps `PSEUDO`
    problems' worth of weight, so a small pool is not read too closely. A problem that only one policy attempted counts
    for the rates of that one.

    Shapes: before and after (n, 2), right and wrong attempts.

    Source: nonparametric maximum likelihood of a mixing distribution, Laird (1978), stopped early.
    """
    of_a, of_b = _likelihood(before), _likelihood(after)
    start = _start()
    joint = start
    for _ in range(STEPS):
        marginal = np.maximum(((of_a @ joint) * of_b).sum(axis=1), 1e-300)  # (n,)
        expected = joint * ((of_a / marginal[:, None]).T @ of_b)  # (m, m), sum n
        joint = (expected + PSEUDO * start) / (len(of_a) + PSEUDO)
    return np.asarray(joint / joint.sum())


def compare_rates(before: ArrayLike, after: ArrayLike, *, level: float = 0.95) -> PairedRates:
    """The rates of either policy and their difference, each shrunk to what the pool shows of both.

    Shapes: before and after (n, 2), right and wrong attempts.
    """
    counts = np.concatenate([np.asarray(before), np.asarray(after)], axis=1)  # (n, 4)
    states, row = np.unique(counts, axis=0, return_inverse=True)
    joint = fit_joint_rates(counts[:, :2], counts[:, 2:])
    of_a, of_b = _likelihood(states[:, :2]), _likelihood(states[:, 2:])
    table = np.stack([_compare_state(a, b, joint, (1 - level) / 2) for a, b in zip(of_a, of_b, strict=True)])
    return PairedRates(*np.asarray(table[row.ravel()], dtype=np.float64).T)


def prior_given(joint: Floats, before: ArrayLike) -> ZeroInflatedBeta:
    """The prior of the second policy's rates, given the first's attempts, (n,) each.

    Of the grid's distribution the ends are the point masses, and a Beta has the mean and variance of the rest. Without
    attempts of the first it is what the pool shows of the second.

    Shapes: before (n, 2), right and wrong attempts.
    """
    of_a = _likelihood(before) * joint.sum(axis=1)
    rates_after = of_a / of_a.sum(axis=1, keepdims=True) @ (joint / joint.sum(axis=1, keepdims=True))  # (n, m)
    zero, one = rates_after[:, 0], rates_after[:, -1]
    inner, points = rates_after[:, 1:-1], GRID[1:-1]
    weight = np.maximum(inner.sum(axis=1), 1e-12)
    mean = np.clip(inner @ points / weight, 0.01, 0.99)
    variance = np.maximum(inner @ points**2 / weight - mean**2, 1e-9)
    strength = np.clip(mean * (1 - mean) / variance - 1, *STRENGTHS)
    ends = np.maximum(zero + one, 1e-300)
    shrink = np.minimum(1.0, (1 - 1e-6) / ends)
    return ZeroInflatedBeta.of(strength * mean, strength * (1 - mean), zero * shrink, one * shrink)


def _compare_state(of_a: Floats, of_b: Floats, joint: Floats, tail: float) -> list[float]:
    weights = of_a[:, None] * joint * of_b[None, :]
    weights = weights / weights.sum()
    before, after = float(weights.sum(axis=1) @ GRID), float(weights.sum(axis=0) @ GRID)
    steps = np.array([np.trace(weights, offset) for offset in range(1 - POINTS, POINTS)])  # by difference, ascending
    below = steps.cumsum()
    low, high = (np.searchsorted(below, share - 1e-12) for share in (tail, 1 - tail))
    ends = ((min(int(end), 2 * POINTS - 2) - POINTS + 1) / (POINTS - 1) for end in (low, high))
    chance = float(steps[POINTS:].sum() + steps[POINTS - 1] / 2)
    return [before, after, after - before, *ends, chance]


def _likelihood(counts: ArrayLike) -> Floats:
    """How likely each point makes the counts, (n, m), 1 at the likeliest."""
    right, wrong = np.asarray(counts, dtype=np.float64).T
    with np.errstate(divide="ignore", invalid="ignore"):
        log_successes = np.where(right[:, None] > 0, right[:, None] * np.log(GRID), 0.0)
        log_failures = np.where(wrong[:, None] > 0, wrong[:, None] * np.log1p(-GRID), 0.0)
    logs = log_successes + log_failures
    return np.asarray(np.exp(logs - logs.max(axis=1, keepdims=True)))


def _start() -> Floats:
    """Half of the weight on any two rates, half on rates that are nearly alike, (m, m)."""
    gap = np.abs(np.arange(POINTS)[:, None] - np.arange(POINTS)[None, :])
    alike = np.exp(-gap / RANGE)
    return np.asarray(0.5 / POINTS**2 + 0.5 * alike / alike.sum())
