"""How well a few rows represent all: distances from every row to the nearest chosen one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096  # rows compared at a time


class Coverage(NamedTuple):
    """Euclidean distances between unit vectors: 0 = equal, 1.41 = orthogonal, 2 = opposite."""

    radius: float  # the largest distance of a row to its nearest chosen row; NaN if nothing is chosen
    mean: float


def coverage(rows: NDArray[np.float32], chosen_rows: NDArray[np.int64], *, block_size: int = BLOCK) -> Coverage:
    """The largest and the mean distance to the nearest chosen row; NaN if there is no row or no chosen row.

    Shapes: rows (n, d) unit, chosen (m,) row numbers. Time O(n m d), memory O(m block_size).

    >>> coverage(np.array([[1, 0], [0, 1]], dtype=np.float32), np.array([0])).radius == 2**0.5
    True
    """
    if not len(chosen_rows) or not len(rows):
        return Coverage(float("nan"), float("nan"))
    centres = rows[chosen_rows].T
    blocks = (rows[start : start + block_size] for start in range(0, len(rows), block_size))
    cosine = np.concatenate([(block @ centres).max(axis=1) for block in blocks])
    distance = np.sqrt(np.maximum(2 - 2 * cosine.astype(np.float64), 0))
    distance[chosen_rows] = 0  # exactly, not the root of a rounding error
    return Coverage(float(distance.max()), float(distance.mean()))
