"""Thompson sampling over many problems of few kinds: which k draws lie nearest to one half."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MAX_HALVINGS = 60  # of the distance; more than the bits of a double


def chance_near_half(distance: float, a: Floats, b: Floats) -> Floats:
    """The chance that p ~ Beta(a, b) lies within a distance of one half.  # [0, 1], 0 at distance 0, 1 at .5

    >>> chance_near_half(0.25, np.array([1.0]), np.array([1.0])).tolist()  # uniform
    [0.5]
    """
    return np.asarray(special.betainc(a, b, 0.5 + distance) - special.betainc(a, b, 0.5 - distance))


def nearest_half(
    kind: NDArray[np.integer], a: Floats, b: Floats, k: int, rng: np.random.Generator, *, guess: float = 0.05
) -> tuple[Ints, float]:
    """The k rows whose draws p ~ Beta(a, b) of their kind lie nearest to one half, ascending, and the largest distance.

    The signal of a group, 1 - p^G - (1 - p)^G, falls with |p - .5| for every G, so these are the k of highest signal.
    No Beta is drawn: with u uniform, a row's distance is below d exactly if u < `chance_near_half(d)` of its kind, so
    one uniform number per row and one table per kind decide, and d is bisected until k rows are left. Exact but for u's
    24 bits, which change the place of at most one row in 10^7.

    Shapes: kind (n,) into a, b (m,) -> (min(k, n),). `guess` is the first d. O(n + m) time per bisection, of which
    there are few.

    Source: Thompson (1933); the draw by groups of equal counts is ours.
    """
    n = len(kind)
    if k >= n:
        return np.arange(n), 0.5
    u = rng.random(n, dtype=np.float32)
    high, rows = _initial_distance(u, kind, a, b, k, guess)
    kinds, kind_of_row = np.unique(kind[rows], return_inverse=True)
    a, b, u = a[kinds], b[kinds], u[rows]
    low = 0.0
    for _ in range(MAX_HALVINGS):
        middle = (low + high) / 2
        count = int((inside := u < chance_near_half(middle, a, b)[kind_of_row]).sum())
        if count == k:
            return rows[inside], middle
        low, high = (middle, high) if count < k else (low, middle)
    return _resolve_ties(
        rows, u < chance_near_half(high, a, b)[kind_of_row], u < chance_near_half(low, a, b)[kind_of_row], k
    ), high


def _initial_distance(
    u: NDArray[np.float32], kind: NDArray[np.integer], a: Floats, b: Floats, k: int, guess: float
) -> tuple[float, Ints]:
    """A distance within which at least k rows lie, and these rows."""
    distance = min(max(guess, 1e-6), 0.5)
    while True:
        chance = chance_near_half(distance, a, b).astype(np.float32)
        rows = np.flatnonzero(u < chance[kind])
        if len(rows) >= k or distance >= 0.5:
            return distance, rows if len(rows) >= k else np.arange(len(u))
        distance = min(0.5, 1.5 * distance)


def _resolve_ties(rows: Ints, outer: NDArray[np.bool_], inner: NDArray[np.bool_], k: int) -> Ints:
    """The first k rows: those inside, and by id those at equal distance."""
    inside, tied = rows[inner], rows[outer & ~inner]
    return np.sort(np.concatenate([inside, tied[: k - len(inside)]]))
