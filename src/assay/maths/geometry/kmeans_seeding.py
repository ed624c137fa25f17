"""k-means++: starting centres that are far apart, on unit rows."""

import math

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]


def plus_plus(rows: Vectors, k: int, rng: np.random.Generator) -> Ints:
    """k row numbers, each drawn with a chance proportional to its squared distance from the nearest one before it.

    Every step draws 2 + log k candidates and keeps the one that leaves the least distance in all. On unit rows the squared
    distance is 2 - 2 cos, so a step is one matrix product: O(k n d log k) time, O(n log k) memory. Where fewer than k rows
    are distinct, the rest are repeats.

    Shapes: (n, d) unit rows -> (k,), 1 <= k <= n.

    Raises:
        ValueError: k outside [1, n].

    Source: Arthur and Vassilvitskii (2007), k-means++: The Advantages of Careful Seeding; several candidates a step are mentioned in their
    conclusion, and 2 + log k of them are scikit-learn's choice.
    """
    if not 1 <= k <= len(rows):
        raise ValueError(f"{k} centres for {len(rows)} rows")
    tries = 2 + int(math.log(k))
    chosen = np.empty(k, dtype=np.int64)
    chosen[0] = rng.integers(len(rows))
    gap = _gaps(rows, chosen[:1])[0]  # (n,) squared distance to the nearest centre so far
    for step in range(1, k):
        mass = np.cumsum(gap, dtype=np.float64)
        drawn = np.minimum(np.searchsorted(mass, rng.random(tries) * mass[-1], side="right"), len(rows) - 1)
        left = np.minimum(gap, _gaps(rows, drawn))  # (tries, n)
        winner = int(left.sum(axis=1, dtype=np.float64).argmin())
        chosen[step], gap = drawn[winner], left[winner]
    return chosen


def _gaps(rows: Vectors, centres: Ints) -> Vectors:
    gaps: Vectors = np.maximum(2 - 2 * np.ascontiguousarray((rows @ rows[centres].T).T), 0)  # (c, n)
    return gaps
