"""Facility location on unit rows: a few rows that represent all, by greedy choice with lazy evaluation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_DENSE_ROWS = 8192  # up to so many rows all similarities are in memory at once: 256 MiB
BATCH = 16  # candidates whose gains are recomputed together
INITIAL_BATCH = 256  # rows whose first gains are computed together


def greedy_cover(
    rows: Vectors,
    budget: int,
    *,
    weight: Floats,
    own: Floats,
    sample: Ints | None = None,
    max_dense_rows: int = MAX_DENSE_ROWS,
) -> Ints:
    """Row numbers in the order in which each added most to sum_v weight_v max(0, max_u cos(u, v)) + sum_u own_u.

    With `sample` the sum runs over these rows v alone, scaled up to all rows; every row u may still be chosen.

    Shapes: rows (n, d) unit, weight (n,) >= 0, own (n,), sample (s,) -> (min(budget, n),).
    """
    sample_rows = rows if sample is None else rows[sample]  # (s, d)
    covered_weight = weight if sample is None else weight[sample] * (len(rows) / max(1, len(sample)))  # (s,)
    if len(rows) * len(sample_rows) <= max_dense_rows**2:
        return _greedy((rows @ sample_rows.T).__getitem__, len(rows), budget, covered_weight, own)
    return _greedy(lambda block: rows[block] @ sample_rows.T, len(rows), budget, covered_weight, own)


def cover_by_similarity(
    similarity: Vectors, budget: int, *, weight: Floats | None = None, own: Floats | None = None
) -> Ints:
    """As `greedy_cover`, from a matrix: entry (u, v) says how well u represents v; values below 0 count as 0.

    Shapes: similarity (n, n), weight (n,), own (n,) -> (min(budget, n),).
    """
    n = len(similarity)
    weight = np.ones(n) if weight is None else weight
    own = np.zeros(n) if own is None else own
    return _greedy(lambda block: similarity[block], n, budget, weight, own)


def _greedy(similarity: Callable[[Ints], Vectors], n: int, budget: int, weight: Floats, own: Floats) -> Ints:
    """A gain can only shrink as the set grows, so an old gain is an upper bound: only the largest are recomputed."""
    importance = weight.astype(np.float32)
    best = np.zeros(len(weight), np.float32)  # (s,) similarity to the nearest chosen row

    def gains(block: Ints) -> Floats:
        increase = similarity(block)  # (b, s), a copy
        np.subtract(increase, best, out=increase)
        np.maximum(increase, 0, out=increase)
        return np.asarray(increase @ importance + own[block])

    starts = range(0, n, INITIAL_BATCH)
    bound = np.concatenate([np.empty(0), *(gains(np.arange(start, min(n, start + INITIAL_BATCH))) for start in starts)])
    chosen_rows = np.empty(min(budget, n), dtype=np.int64)
    for step in range(len(chosen_rows)):
        outdated = np.full(n, step > 0)
        while outdated[top := int(np.argmax(bound))]:
            block = np.argpartition(-bound, BATCH)[:BATCH] if n > BATCH else np.arange(n)
            block = block[outdated[block] & np.isfinite(bound[block])]
            bound[block], outdated[block] = gains(block), False
        chosen_rows[step], bound[top] = top, -np.inf
        np.maximum(best, similarity(chosen_rows[step : step + 1])[0], out=best)
    return chosen_rows
