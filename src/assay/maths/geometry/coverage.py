"""How well a few stand for all: distances from every row to the nearest chosen one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096  # rows compared at a time


class Coverage(NamedTuple):
    """Euclidean distances between unit vectors: 0 = twins, 1.41 = nothing in common, 2 = opposite."""

    radius: float  # of the row that is served worst; NaN where nothing is chosen
    mean: float


def coverage(rows: NDArray[np.float32], chosen: NDArray[np.int64]) -> Coverage:
    """The largest and the mean distance to the nearest chosen row; no chosen row, or no row at all, gives NaN.

    Shapes: rows (n, d) unit, chosen (m,) row numbers. Time O(n m d), memory O(m).

    >>> coverage(np.array([[1, 0], [0, 1]], dtype=np.float32), np.array([0])).radius == 2**0.5
    True
    """
    if not len(chosen) or not len(rows):
        return Coverage(float("nan"), float("nan"))
    centres = rows[chosen].T
    near = np.concatenate([(rows[start : start + BLOCK] @ centres).max(axis=1) for start in range(0, len(rows), BLOCK)])
    gap = np.sqrt(np.maximum(2 - 2 * near.astype(np.float64), 0))
    gap[chosen] = 0  # and not the root of a rounding
    return Coverage(float(gap.max()), float(gap.mean()))
