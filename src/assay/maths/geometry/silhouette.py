"""How far clusters stand apart: the mean silhouette, by cosine."""

import numpy as np
from numpy.typing import NDArray


def silhouette(rows: NDArray[np.float32], own: NDArray[np.int64]) -> float:
    """The mean over rows of (b - a) / max(a, b), with a the mean cosine distance to the own cluster and b to the nearest other one.  # [-1, 1]

    1 = tight and far apart, 0 = no structure. A row alone in its cluster counts 0, as do rows at distance 0 from both. Fewer than two clusters
    have none: -1, so that any clustering is preferred to no answer.

    Shapes: (n, d) unit rows, (n,) cluster numbers. Time O(n^2 d), memory O(n^2): give a sample.
    Source: Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.

    >>> silhouette(np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], np.array([0, 0, 1, 1]))
    1.0
    """
    names, number = np.unique(own, return_inverse=True)
    if len(names) < 2:
        return -1.0
    sizes = np.bincount(number)  # (k,)
    sums = (1 - np.clip(rows @ rows.T, -1, 1)).astype(np.float64) @ np.eye(len(names))[
        number
    ]  # (n, k) distance to every cluster's rows, in all
    at = np.arange(len(rows))
    alone = sizes[number] == 1
    inner = sums[at, number] / np.maximum(sizes[number] - 1, 1)
    means = sums / sizes
    means[at, number] = np.inf
    outer = means.min(axis=1)
    largest = np.maximum(inner, outer)
    score = np.where(alone | (largest < 1e-9), 0.0, (outer - inner) / np.maximum(largest, 1e-9))
    return float(score.mean())
