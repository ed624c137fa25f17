"""How good a policy is on held-out problems, how sure that is, and whether it got better: every interval is over problems."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

Floats = NDArray[np.float64]
Interval = tuple[float, float, float]  # mean, low, high


def pass_at(k: int, correct: ArrayLike, attempts: ArrayLike) -> Floats:
    """The chance that at least one of k attempts is right: 1 - C(n - c, k) / C(n, k), unbiased for any n >= k.  # [0, 1]

    NaN where there are fewer than k attempts. Shapes: correct S, attempts S -> S. Source: Codex, arXiv:2107.03374, sec. 2.1.

    Raises:
        ValueError: k is below 1.

    >>> pass_at(1, [1, 0, 4], 4).tolist(), pass_at(2, [1, 3], 4).tolist()
    ([0.25, 0.0, 1.0], [0.5, 1.0])
    """
    if k < 1:
        raise ValueError(f"pass@{k}: k is below 1")
    c, n = np.broadcast_arrays(np.asarray(correct, dtype=np.float64), np.asarray(attempts, dtype=np.float64))
    wrong = n - c
    enough = wrong >= k
    part, whole = np.where(enough, wrong, k), np.maximum(n, k)
    log = special.gammaln(part + 1) - special.gammaln(part - k + 1) - special.gammaln(whole + 1) + special.gammaln(whole - k + 1)
    none = np.where(enough, np.exp(log), 0.0)
    return np.asarray(np.where(n >= k, np.clip(1 - none, 0, 1), np.nan).round(12))


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """The mean over problems with its Student interval; problems are the sample, so attempts at one do not count as many.

    One problem has no interval: its ends are NaN. No problem: all three are NaN.

    >>> [round(each, 3) for each in mean_interval([0.0, 0.5, 1.0])]
    [0.5, -0.742, 1.742]
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        return float("nan"), float("nan"), float("nan")
    mean = float(x.mean())
    if len(x) == 1:
        return mean, float("nan"), float("nan")
    half = float(stats.t.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return mean, mean - half, mean + half


def paired_difference(before: ArrayLike, after: ArrayLike, *, level: float = 0.95) -> Interval:
    """after - before on the same problems, with its interval: what both share, such as a hard problem, cancels.

    Shapes: (n,), (n,).

    Raises:
        ValueError: the two are not of one length.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} problems before and {len(second)} after")
    return mean_interval(second - first, level=level)


def detectable(differences: ArrayLike, *, level: float = 0.95, power: float = 0.8) -> float:
    """The least true difference that a test at this level would have shown with this power, from the spread of n paired differences.

    (t(1 - alpha / 2) + t(power)) sd / sqrt(n), both with n - 1 degrees of freedom. What lies below it was not ruled out by an interval that
    holds 0. Fewer than two differences: NaN. Unit: of the differences. Source: Bloom (1995), Minimum Detectable Effects, Evaluation Review 19(5).

    >>> round(detectable([0.0, 0.1, 0.2]), 3)
    0.31
    """
    x = np.asarray(differences, dtype=np.float64)
    n = len(x)
    if n < 2:
        return float("nan")
    return float((stats.t.ppf((1 + level) / 2, n - 1) + stats.t.ppf(power, n - 1)) * x.std(ddof=1) / np.sqrt(n))


def moved(before: ArrayLike, after: ArrayLike, low: float, high: float) -> dict[str, int]:
    """How many of the problems that were within [low, high] are still there, above it, and below it, and how many came in: the frontier's drift.

    >>> moved([0.5, 0.5, 0.2, 0.95], [0.6, 1.0, 0.0, 0.5], 0.1, 0.9)
    {'before': 3, 'stayed': 1, 'above': 1, 'below': 1, 'entered': 1}
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    inside = (first >= low) & (first <= high)
    now = second[inside]
    above, below = int((now > high).sum()), int((now < low).sum())
    entered = int((~inside & (second >= low) & (second <= high)).sum())
    return {"before": int(inside.sum()), "stayed": int(inside.sum()) - above - below, "above": above, "below": below, "entered": entered}
