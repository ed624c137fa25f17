"""k-means++: starting centres that are far apart, on unit rows."""

import math

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]


def kmeans_plus_plus(rows: Vectors, k: int, rng: np.random.Generator) -> Ints:
    """k row numbers, each drawn with a chance proportional to its squared distance from the nearest centre before it.

    Every step draws 2 + log k candidates and keeps the one that leaves the least total distance. On unit rows the
    squared distance is 2 - 2 cos, so a step is one matrix product: O(k n d log k) time, O(n log k) memory. If fewer
    than k rows are distinct, the remaining centres are repeats.

    Shapes: (n, d) unit rows -> (k,), 1 <= k <= n.

    Raises:
        ValueError: k outside [1, n].

    Source: Arthur and Vassilvitskii (2007), k-means++: The Advantages of Careful Seeding; several candidates per step
    are mentioned in their conclusion, and 2 + log k of them are scikit-learn's choice.
    """
    if not 1 <= k <= len(rows):
        raise ValueError(f"{k} centres for {len(rows)} rows")
    tries = 2 + int(math.log(k))
    centres = np.empty(k, dtype=np.int64)
    centres[0] = rng.integers(len(rows))
    distance = _squared_distances(rows, centres[:1])[0]  # (n,) to the nearest centre so far
    for step in range(1, k):
        mass = np.cumsum(distance, dtype=np.float64)
        candidates = np.minimum(np.searchsorted(mass, rng.random(tries) * mass[-1], side="right"), len(rows) - 1)
        remaining = np.minimum(distance, _squared_distances(rows, candidates))  # (tries, n)
        winner = int(remaining.sum(axis=1, dtype=np.float64).argmin())
        centres[step], distance = candidates[winner], remaining[winner]
    return centres


def _squared_distances(rows: Vectors, centres: Ints) -> Vectors:
    distances: Vectors = np.maximum(2 - 2 * np.ascontiguousarray((rows @ rows[centres].T).T), 0)  # (c, n)
    return distances
