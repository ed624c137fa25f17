"""How often each problem comes where a selection's weights are sampling weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def weighted_copies(weights: ArrayLike, places: int, start: float) -> NDArray[np.int64]:
    """Copies in proportion to weights, summing to `places`: each is places x w / sum w, rounded down or up.

    Systematic sampling with one random start in [0, 1): the expected number of copies is exact, and no problem is off
    by a whole copy. Equal weights with as many places as problems give one copy each. Shapes: weights (n,) -> (n,).

    Raises:
        ValueError: a weight is negative or not finite, or all are 0 while there are places.

    Source: Madow (1949), On the Theory of Systematic Sampling, II.

    >>> weighted_copies([1.0, 1.0, 2.0], 4, 0.5).tolist(), weighted_copies([0.5, 1.5], 2, 0.5).tolist()
    ([1, 1, 2], [1, 1])
    """
    w = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(w).all() or (w < 0).any() or (places and not w.sum() > 0):
        raise ValueError(f"weights {w.tolist()[:5]} must be finite, at least 0, and not all 0")
    if not places:
        return np.zeros(len(w), dtype=np.int64)
    ends = np.round(np.cumsum(w) * places / w.sum(), 9)
    ends[-1] = places
    passed = np.floor(ends + start)
    passed[-1] = places + np.floor(start)
    return np.asarray(np.diff(passed, prepend=0.0), dtype=np.int64)
