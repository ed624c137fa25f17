"""How many trials it will take to collect right answers under a cap, and how many right answers it will bring."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc, betaincinv

Floats = NDArray[np.float64]


class TrialForecast(NamedTuple):
    """Expected trials and right answers per problem, (n,) each."""

    trials: Floats
    right: Floats


def trials_at_rate(rate: ArrayLike, target: ArrayLike, cap: ArrayLike) -> TrialForecast:
    """With a pass rate p, collecting k right answers takes k/p P(Bin(m+1, p) > k) + m P(Bin(m, p) < k) trials under a
    cap of m, and brings m p P(Bin(m-1, p) < k-1) + k P(Bin(m, p) >= k) right answers.

    Both follow from the negative binomial distribution of the number of trials. A rate of 0 takes the whole cap and
    brings nothing; a target of 0 takes nothing. Shapes broadcast.

    >>> rates = 1 - np.array([0, .01, .1, .25, .5, .75, .9, .99])  # the fail rates of DART-Math's allocation table
    >>> trials_at_rate(rates, 40, 10**6).trials.round(1).tolist()
    [40.0, 40.4, 44.4, 53.3, 80.0, 160.0, 400.0, 4000.0]
    """
    p, k, m = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in (rate, target, cap)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        below = np.where(k > m, 1.0, bdtr(np.minimum(k, m) - 1, m, p))  # P(Bin(m, p) < k)
        p_reached = np.where(k > m, 0.0, bdtrc(np.minimum(k, m), m + 1, p))  # P(Bin(m + 1, p) > k)
        short = np.where(
            k - 1 > m - 1, 1.0, np.where(k < 2, 0.0, bdtr(np.minimum(k - 2, m - 1), np.maximum(m - 1, 0), p))
        )
        trials = np.where((p > 0) & (p_reached > 0), k / p * p_reached, 0.0) + m * below
        right = m * p * short + k * (1 - below)
    is_open = (k > 0) & (m > 0)
    sure = is_open & (p >= 1)
    trials = np.where(sure, np.minimum(k, m), np.where(is_open, np.where(p > 0, trials, m), 0.0))
    right = np.where(sure, np.minimum(k, m), np.where(is_open & (p > 0), right, 0.0))
    return TrialForecast(np.asarray(trials), np.asarray(right))


def trials_by_posterior(
    correct: ArrayLike, wrong: ArrayLike, target: ArrayLike, cap: ArrayLike, *, points: int = 64
) -> TrialForecast:
    """The expectation of `trials_at_rate` over the Beta posterior of each pass rate under Jeffreys' prior.

    It is averaged at the midpoints of `points` equally likely slices of the posterior. Problems of equal counts, target
    and cap are computed once. Shapes: (n,) each, or one number for all -> (n,).
    """
    arrays = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in (correct, wrong, target, cap)))
    states, place = np.unique(np.stack(arrays), axis=1, return_inverse=True)
    n_correct, n_wrong, k, m = states  # (s,)
    slices = (np.arange(points) + 0.5) / points
    rates = betaincinv(n_correct[:, None] + 0.5, n_wrong[:, None] + 0.5, slices)  # (s, points)
    mean = [values.mean(axis=1) for values in trials_at_rate(rates, k[:, None], m[:, None])]
    return TrialForecast(mean[0][place.ravel()], mean[1][place.ravel()])
