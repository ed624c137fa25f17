"""The signal of a GRPO group: the chance that its G attempts are neither all right nor all wrong.

A group whose rewards are all equal has advantages of 0 and so no gradient (GRPO, arXiv:2402.03300, sec. 4.1; the share
of groups that dynamic sampling keeps, DAPO, arXiv:2503.14476, sec. 3.2).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


def group_signal(rate: ArrayLike, group_size: int) -> Floats:
    """The signal at a known pass rate p is 1 - p^G - (1 - p)^G.  # [0, 1], 0 at p = 0 and 1, most at .5

    A single attempt cannot differ from others, so G = 1 gives 0 everywhere. Shapes: rate S -> S.

    Raises:
        ValueError: G is below 1.

    >>> group_signal([0.0, 0.1, 0.5], 8).round(3).tolist()
    [0.0, 0.57, 0.992]
    """
    p = np.asarray(rate, dtype=np.float64)
    if _is_single(group_size):
        return np.zeros_like(p)
    return np.asarray(1 - p**group_size - (1 - p) ** group_size)


def signal_band(group_size: int) -> tuple[float, float]:
    """The pass rates between which a group of G is mixed at least half as often as at .5.  # 0 < low < high < 1

    Symmetric about .5: 1 - low = high. Found by bisection to 1e-12. Shapes: scalar -> two scalars.

    Raises:
        ValueError: G is below 2, and no group is mixed.

    >>> tuple(round(rate, 3) for rate in signal_band(8))
    (0.082, 0.918)
    """
    if group_size < 2:
        raise ValueError(f"no group of {group_size} attempts is mixed")
    half, low, high = float(group_signal(0.5, group_size)) / 2, 0.0, 0.5
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if group_signal(middle, group_size) < half else (low, middle)
    return low, 1 - low


def expected_signal(a: ArrayLike, b: ArrayLike, group_size: int) -> Floats:
    """The signal expected under p ~ Beta(a, b) is 1 - E[p^G] - E[(1 - p)^G], in closed form.  # [0, 1]

    E[p^G] = B(a + G, b) / B(a, b) = prod (a + i) / (a + b + i) over i < G, so that large counts neither overflow nor
    cancel. It is at most the signal at the posterior mean, because the signal is concave in p:
    uncertainty costs.
    Shapes: a S, b S -> S.

    Raises:
        ValueError: G is below 1.

    >>> float(expected_signal(1, 1, 8).round(6)) == round(1 - 2 / 9, 6)  # uniform: E[p^8] = 1/9
    True
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if _is_single(group_size):
        return np.zeros(np.broadcast_shapes(first.shape, second.shape))
    total = log_rising(first + second, group_size)
    all_equal = np.exp(log_rising(first, group_size) - total) + np.exp(log_rising(second, group_size) - total)
    return np.asarray(np.clip(1 - all_equal, 0.0, 1.0))


def observed_signal(correct: ArrayLike, attempts: ArrayLike, group_size: int) -> Floats:
    """The share of mixed groups of G among m attempts is 1 - C(c, G) / C(m, G) - C(m - c, G) / C(m, G).

    Unbiased for m >= G. NaN if there are fewer than G attempts. Shapes: correct S, attempts S -> S.

    Raises:
        ValueError: G is below 1.

    >>> observed_signal([4, 0, 7], [8, 8, 7], 8).tolist()
    [1.0, 0.0, nan]
    """
    n_correct, n = np.asarray(correct, dtype=np.float64), np.asarray(attempts, dtype=np.float64)
    return reward_signal(np.stack(np.broadcast_arrays(n_correct, n - n_correct), axis=-1), group_size)


def reward_signal(tally: ArrayLike, group_size: int) -> Floats:
    """The share of groups of G whose rewards are not all equal is 1 - sum_r C(n_r, G) / C(n, G), unbiased for n >= G.

    The last axis counts the attempts with each of V different rewards; with right and wrong alone this is
    `observed_signal`. NaN if there are fewer than G attempts. Shapes: tally S x V -> S.

    Raises:
        ValueError: G is below 1.

    >>> reward_signal([[2, 1, 1], [4, 0, 0]], 2).round(3).tolist()  # one of 6 pairs is equal; all are
    [0.833, 0.0]
    """
    counts = np.asarray(tally, dtype=np.float64)
    n = counts.sum(axis=-1)
    if _is_single(group_size):
        return np.where(n >= 1, 0.0, np.nan)
    all_equal = _share_within(counts, n[..., None], group_size).sum(axis=-1)
    return np.where(n >= group_size, np.clip(1 - all_equal, 0.0, 1.0), np.nan)


def _share_within(k: Floats, n: Floats, size: int) -> Floats:
    """C(k, size) / C(n, size), 0 where k is smaller than `size`."""
    enough = k >= size
    part, whole = np.where(enough, k, size), np.maximum(n, size)
    log = (
        special.gammaln(part + 1)
        - special.gammaln(part - size + 1)
        - special.gammaln(whole + 1)
        + special.gammaln(whole - size + 1)
    )
    return np.asarray(np.where(enough, np.exp(log), 0.0))


def log_rising(x: Floats, power: int) -> Floats:
    """log of x (x + 1) ... (x + power - 1), for x > 0; a difference of log-gammas would cancel where x is large.

    >>> np.exp(log_rising(np.array([2.0]), 3)).round(6).tolist()
    [24.0]
    """
    total = np.zeros(np.shape(x))
    for step in range(power):
        total += np.log(x + step)
    return total


def _is_single(group_size: int) -> bool:
    if group_size < 1:
        raise ValueError(f"group_size must be at least 1, found {group_size}")
    return group_size == 1
