"""Beta posteriors of a pass rate: what c correct of c + w graded attempts say, and how certain it is.

Shapes: `correct`, `wrong`, `a`, `b` are integers or arrays of any one shape S; every result has that shape.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PRIORS = {
    "jeffreys": (0.5, 0.5),  # invariant to how the rate is parametrised
    "uniform": (1.0, 1.0),
}


def posterior(correct: ArrayLike, wrong: ArrayLike, *, prior: str = "jeffreys") -> tuple[Floats, Floats]:
    """The posterior is Beta(a0 + correct, b0 + wrong); with no graded attempt it is the prior.

    Raises:
        LookupError: the prior is unknown.
        ValueError: a count is negative.

    >>> posterior(3, 1)
    (array(3.5), array(1.5))
    """
    if prior not in PRIORS:
        raise LookupError(f"unknown prior {prior!r}; known: {sorted(PRIORS)}")
    n_correct, n_wrong = np.asarray(correct, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if (lowest := min(n_correct.min(initial=0), n_wrong.min(initial=0))) < 0:
        raise ValueError(f"counts must not be negative, found {lowest:g}")
    a0, b0 = PRIORS[prior]
    return np.asarray(n_correct + a0), np.asarray(n_wrong + b0)


def mean(a: ArrayLike, b: ArrayLike) -> Floats:
    """The mean of Beta(a, b) is a / (a + b).  # [0, 1], 1 = always solved

    >>> float(mean(3.5, 1.5))
    0.7
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.asarray(first / (first + second))


def interval(
    correct: ArrayLike, wrong: ArrayLike, *, prior: str = "jeffreys", level: float = 0.95
) -> tuple[Floats, Floats]:
    """The interval cuts (1 - level) / 2 of posterior mass off each side; low is 0 if none succeeded, high 1 if all.

    The two ends are set explicitly because a quantile never reaches them: otherwise a problem that cannot be solved (p
    = 0) would lie outside every interval computed for it. With no graded attempt both rules apply: [0, 1].

    Raises:
        LookupError, ValueError: as `posterior`, or a level outside (0, 1).

    Source: Brown, Cai and DasGupta (2001), Interval Estimation for a Binomial Proportion, sec. 3 (the Jeffreys
    interval, with its ends set likewise).
    """
    if not 0 < level < 1:
        raise ValueError(f"the level must lie inside (0, 1), found {level}")
    a, b = posterior(correct, wrong, prior=prior)
    tail = (1 - level) / 2
    low = np.where(np.asarray(correct) == 0, 0.0, special.betaincinv(a, b, tail))
    high = np.where(np.asarray(wrong) == 0, 1.0, special.betaincinv(a, b, 1 - tail))
    return low, high


def beyond(a: ArrayLike, b: ArrayLike, low: float, high: float, *, level: float = 0.95) -> tuple[Mask, Mask]:
    """Whether the central interval of Beta(a, b) lies below `low`, and whether it lies above `high`.

    Each asks for 1 - (1 - level) / 2 of the mass on its side, which is the interval without its inverse. Nothing lies
    below 0 or above 1. Equal posteriors are computed once. Shapes: a S, b S -> S, S.

    Raises:
        ValueError: the band is not inside [0, 1] or is empty, or the level is outside (0, 1).

    >>> [bool(side) for side in beyond(0.5, 64.5, 0.1, 0.9)]
    [True, False]
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"the band [{low}, {high}] is not inside [0, 1]")
    if not 0 < level < 1:
        raise ValueError(f"the level must lie inside (0, 1), found {level}")
    tail = (1 - level) / 2
    first, second, place = distinct_pairs(a, b)
    below = (low > 0) & (special.betainc(first, second, low) >= 1 - tail)
    above = (high < 1) & (special.betainc(first, second, high) <= tail)
    return np.asarray(below[place]), np.asarray(above[place])


def distinct_pairs(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """The different pairs of (a, b), and the place of each element's pair among them: counts give few posteriors.

    Shapes: a S, b S -> (m,), (m,), S.

    >>> distinct_pairs([1.5, 0.5, 1.5], [2.5, 0.5, 2.5])
    (array([0.5, 1.5]), array([0.5, 2.5]), array([1, 0, 1]))
    """
    one, other = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    _, row = np.unique(one, return_inverse=True)
    different, column = np.unique(other, return_inverse=True)
    pair = row.ravel() * max(len(different), 1) + column.ravel()
    _, where, place = np.unique(pair, return_index=True, return_inverse=True)
    return one.ravel()[where], other.ravel()[where], place.reshape(one.shape)


def mass_between(a: ArrayLike, b: ArrayLike, low: float, high: float) -> Floats:
    """The posterior mass of Beta(a, b) inside [low, high].  # [0, 1]

    Raises:
        ValueError: the band is not inside [0, 1] or is empty.
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"the band [{low}, {high}] is not inside [0, 1]")
    return np.asarray(special.betainc(a, b, high) - special.betainc(a, b, low))
