"""A policy on held-out problems: pass@k, intervals over problems, paired differences, and moves across the frontier."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Interval = tuple[float, float, float]  # mean, low, high


def pass_at(k: int, correct: ArrayLike, attempts: ArrayLike) -> Floats:
    """The chance that at least one of k attempts is right: 1 - C(n - c, k) / C(n, k), unbiased for n >= k.  # [0, 1]

    NaN if there are fewer than k attempts. Shapes: correct S, attempts S -> S. Source: Codex, arXiv:2107.03374, sec.
    2.1.

    Raises:
        ValueError: k is below 1.

    >>> pass_at(1, [1, 0, 4], 4).tolist(), pass_at(2, [1, 3], 4).tolist()
    ([0.25, 0.0, 1.0], [0.5, 1.0])
    """
    if k < 1:
        raise ValueError(f"pass@{k}: k must be at least 1")
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
    none_right = np.where(enough, np.exp(log), 0.0)
    return np.asarray(np.where(n >= k, np.clip(1 - none_right, 0, 1), np.nan).round(12))


def mean_interval(
    values: ArrayLike, *, level: float = 0.95, bounds: tuple[float, float] | None = (0.0, 1.0), pseudo: float = 0.5
) -> Interval:
    """The mean over problems with its Student interval; the sample are problems, however many attempts each has.

    For the interval alone, `pseudo` problems at either of the `bounds` are added to the values, and its ends stay
    within the bounds. So problems that were all solved, or none, have an interval too, and pools of which 90% are never
    solved are covered as often as they should be (.95 to 1.00 at n = 10, 30 and 100, where Student's own covers .57,
    .83 and .91); from 30 problems of middling rates on its width is within 3% of Student's. `bounds` None = Student's
    own. The ends are NaN for one problem; without problems all three are NaN.

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
    quantile = float(special.stdtrit(len(x) - 1, (1 + level) / 2))
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
    """The bound below which the mean of values in [0, 1] lies with a chance of at most `error`; 0 for under two values.

    It uses the padded values of `mean_interval`.

    >>> round(lower_bound([1.0] * 32, error=0.05), 3)
    0.948
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return 0.0
    centre, deviation = _padded(x, (0.0, 1.0), 0.5)
    return float(max(0.0, centre - special.stdtrit(len(x) - 1, 1 - error) * deviation / len(x) ** 0.5))


def paired_difference(before: ArrayLike, after: ArrayLike, *, level: float = 0.95) -> Interval:
    """The mean of after - before over the same problems, with its interval: what they share cancels.

    A tenth of a problem that fell from 1 to 0 and a tenth of one that rose are added, so that the interval has a width
    even if no problem changed. Shapes: (n,), (n,), values in [0, 1].

    Raises:
        ValueError: lengths differ.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} problems before and {len(second)} after")
    return mean_interval(second - first, level=level, bounds=(-1.0, 1.0), pseudo=0.1)


def detectable_difference(differences: ArrayLike, *, level: float = 0.95, power: float = 0.8) -> float:
    """The minimum detectable effect: the least true difference that a test at this level shows with this power.

    It is (t(1 - alpha / 2) + t(power)) sd / sqrt(n), both with n - 1 degrees of freedom, over n paired differences and
    in their unit. An interval that holds 0 does not rule out smaller differences. NaN for fewer than two differences,
    or equal ones, which have no spread.

    Source: Bloom (1995), Minimum Detectable Effects, Evaluation Review 19(5).

    >>> round(detectable_difference([0.0, 0.1, 0.2]), 3)
    0.31
    """
    x = np.asarray(differences, dtype=np.float64)
    n = len(x)
    if n < 2 or np.ptp(x) == 0:
        return float("nan")
    return float((special.stdtrit(n - 1, (1 + level) / 2) + special.stdtrit(n - 1, power)) * x.std(ddof=1) / np.sqrt(n))


def count_moves(before: ArrayLike, after: ArrayLike, low: float, high: float) -> dict[str, int]:
    """Counts of problems that were within [low, high] before, that stayed, went above or below, and that entered.

    >>> count_moves([0.5, 0.5, 0.2, 0.95], [0.6, 1.0, 0.0, 0.5], 0.1, 0.9)
    {'before': 3, 'stayed': 1, 'above': 1, 'below': 1, 'entered': 1}
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    inside = (first >= low) & (first <= high)
    rates_after = second[inside]
    above, below = int((rates_after > high).sum()), int((rates_after < low).sum())
    entered = int((~inside & (second >= low) & (second <= high)).sum())
    return {
        "before": int(inside.sum()),
        "stayed": int(inside.sum()) - above - below,
        "above": above,
        "below": below,
        "entered": entered,
    }
