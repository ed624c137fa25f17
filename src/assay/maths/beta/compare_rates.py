"""Whether one rate is above another, by their Beta posteriors."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
NODES = 128  # quantiles of the second rate over which the chance is averaged
CHUNK = 20_000  # problems at a time


def chance_above(a: ArrayLike, b: ArrayLike, other_a: ArrayLike, other_b: ArrayLike) -> Floats:
    """The chance that p > q for independent p ~ Beta(a, b) and q ~ Beta(other_a, other_b).  # (0, 1), 1 = surely above

    The mean over the midpoints of NODES equally likely slices of p of P(q < p), within 1/NODES. Equal parameters give
    .5. Two posteriors that share attempts are alike, so as independent ones they differ less surely than they do.
    Shapes: four of S -> S.

    >>> chance_above([1, 8], [1, 2], [1, 2], [1, 8]).round(2).tolist()
    [0.5, 1.0]
    """
    fields = [np.atleast_1d(np.asarray(field, dtype=np.float64)) for field in (a, b, other_a, other_b)]
    first_a, first_b, second_a, second_b = np.broadcast_arrays(*fields)
    result = np.empty(first_a.shape)
    shares = (np.arange(NODES) + 0.5) / NODES
    for start in range(0, len(result), CHUNK):
        rows = slice(start, start + CHUNK)
        nodes = special.betaincinv(first_a[rows, None], first_b[rows, None], shares)  # (chunk, NODES)
        result[rows] = special.betainc(second_a[rows, None], second_b[rows, None], nodes).mean(axis=1)
    return result
