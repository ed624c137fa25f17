"""Facility location on unit rows: which few stand for all, by greedy choice with lazy evaluation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HELD = 8192  # rows up to which all similarities are held: 256 MiB
BATCH = 16  # candidates whose gain is brought up to date in one go


def cover(rows: Vectors, budget: int, *, weight: Floats, own: Floats, among: Ints | None = None) -> Ints:
    """Row numbers in the order in which each added most to sum_v weight_v max(0, max_u cos(u, v)) + sum_u own_u.

    With `among` the sum runs over these rows v alone, scaled up to all, and still every row u may be chosen. Shapes: rows (n, d) unit,
    weight (n,) >= 0, own (n,), among (s,) -> (min(budget, n),).
    """
    over = rows if among is None else rows[among]  # (s, d)
    counts = weight if among is None else weight[among] * (len(rows) / max(1, len(among)))  # (s,)
    if len(rows) * len(over) <= HELD**2:
        return _lazy((rows @ over.T).__getitem__, len(rows), budget, counts, own)
    return _lazy(lambda block: rows[block] @ over.T, len(rows), budget, counts, own)


def chosen_by(similarity: Vectors, budget: int, *, weight: Floats | None = None, own: Floats | None = None) -> Ints:
    """As `cover`, from similarities that are given: entry (u, v) says how well u stands for v; what is below 0 counts as 0.

    Shapes: similarity (n, n), weight (n,), own (n,) -> (min(budget, n),).
    """
    n = len(similarity)
    return _lazy(
        lambda block: similarity[block],
        n,
        budget,
        np.ones(n) if weight is None else weight,
        np.zeros(n) if own is None else own,
    )


def _lazy(like: Callable[[Ints], Vectors], n: int, budget: int, weight: Floats, own: Floats) -> Ints:
    """A gain can only shrink as the set grows, so an old gain is an upper bound: only those at the top are computed again."""
    importance = weight.astype(np.float32)
    best = np.zeros(len(weight), np.float32)  # (s,) similarity to the nearest chosen row

    def gains(block: Ints) -> Floats:
        more = like(block)  # (b, s), a copy
        np.subtract(more, best, out=more)
        np.maximum(more, 0, out=more)
        return np.asarray(more @ importance + own[block])

    bound = np.concatenate([np.empty(0), *(gains(np.arange(start, min(n, start + 256))) for start in range(0, n, 256))])
    chosen = np.empty(min(budget, n), dtype=np.int64)
    for step in range(len(chosen)):
        old = np.full(n, step > 0)
        while old[top := int(np.argmax(bound))]:
            block = np.argpartition(-bound, BATCH)[:BATCH] if n > BATCH else np.arange(n)
            block = block[old[block] & np.isfinite(bound[block])]
            bound[block], old[block] = gains(block), False
        chosen[step], bound[top] = top, -np.inf
        np.maximum(best, like(chosen[step : step + 1])[0], out=best)
    return chosen
