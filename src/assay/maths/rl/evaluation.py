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
    log = (
        special.gammaln(part + 1)
        - special.gammaln(part - k + 1)
        - special.gammaln(whole + 1)
        + special.gammaln(whole - k + 1)
    )
    none = np.where(enough, np.exp(log), 0.0)
    return np.asarray(np.where(n >= k, np.clip(1 - none, 0, 1), np.nan).round(12))


def mean_interval(
    values: ArrayLike, *, level: float = 0.95, bounds: tuple[float, float] | None = (0.0, 1.0), pseudo: float = 0.5
) -> Interval:
    """The mean over problems with its Student interval; problems are the sample, so attempts at one do not count as many.

    Values that lie within `bounds` are joined, for the interval alone, by `pseudo` problems at either bound, and its ends stay within them. So
    problems that were all solved, or none, have an interval too, and pools of which 90% are never solved are covered as often as they should be
    (.95 to 1.00 at n = 10, 30 and 100, where Student's own covers .57, .83 and .91); from 30 problems of middling rates on it is Student's within
    3% of its width. `bounds` None = Student's own. One problem has no interval: its ends are NaN. No problem: all three are NaN.

    Source: the pseudo-observations of Agresti and Coull (1998), for means of bounded values.

    >>> [round(end, 3) for end in mean_interval([0.0, 0.0, 1.0])]
    [0.333, 0.0, 1.0]
    >>> [round(end, 3) for end in mean_interval([0.0] * 30)]
    [0.0, 0.0, 0.064]
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        return float("nan"), float("nan"), float("nan")
    mean = float(x.mean())
    if len(x) == 1:
        return mean, float("nan"), float("nan")
    quantile = float(stats.t.ppf((1 + level) / 2, len(x) - 1))
    if bounds is None:
        half = quantile * float(x.std(ddof=1)) / len(x) ** 0.5
        return mean, mean - half, mean + half
    centre, deviation = _padded(x, bounds, pseudo)
    half = quantile * deviation / len(x) ** 0.5
    return mean, min(mean, max(bounds[0], centre - half)), max(mean, min(bounds[1], centre + half))


def _padded(x: Floats, bounds: tuple[float, float], pseudo: float) -> tuple[float, float]:
    """Mean and standard deviation of the values and `pseudo` more at either bound."""
    ends, size = np.array(bounds), len(x) + 2 * pseudo
    centre = float((x.sum() + pseudo * ends.sum()) / size)
    squares = ((x - centre) ** 2).sum() + pseudo * ((ends - centre) ** 2).sum()
    return centre, float((squares / (size - 1)) ** 0.5)


def lower_bound(values: ArrayLike, *, error: float) -> float:
    """The bound that the mean of such values in [0, 1] lies under with chance `error` at most, from `mean_interval`'s padded values.

    0 for fewer than two values.

    >>> round(lower_bound([1.0] * 32, error=0.05), 3)
    0.948
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return 0.0
    centre, deviation = _padded(x, (0.0, 1.0), 0.5)
    return float(max(0.0, centre - stats.t.ppf(1 - error, len(x) - 1) * deviation / len(x) ** 0.5))


def paired_difference(before: ArrayLike, after: ArrayLike, *, level: float = 0.95) -> Interval:
    """after - before on the same problems, with its interval: what both share, such as a hard problem, cancels.

    A tenth of a problem that fell from 1 to 0 and a tenth of one that rose join them, so that problems which nothing moved have an interval too.
    Shapes: (n,), (n,), values in [0, 1].

    Raises:
        ValueError: the two are not of one length.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} problems before and {len(second)} after")
    return mean_interval(second - first, level=level, bounds=(-1.0, 1.0), pseudo=0.1)


def detectable(differences: ArrayLike, *, level: float = 0.95, power: float = 0.8) -> float:
    """The least true difference that a test at this level would have shown with this power, from the spread of n paired differences.

    (t(1 - alpha / 2) + t(power)) sd / sqrt(n), both with n - 1 degrees of freedom. What lies below it was not ruled out by an interval that
    holds 0. Fewer than two differences, or equal ones, which tell nothing of their spread: NaN. Unit: of the differences. Source: Bloom (1995),
    Minimum Detectable Effects, Evaluation Review 19(5).

    >>> round(detectable([0.0, 0.1, 0.2]), 3)
    0.31
    """
    x = np.asarray(differences, dtype=np.float64)
    n = len(x)
    if n < 2 or np.ptp(x) == 0:
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
    return {
        "before": int(inside.sum()),
        "stayed": int(inside.sum()) - above - below,
        "above": above,
        "below": below,
        "entered": entered,
    }
