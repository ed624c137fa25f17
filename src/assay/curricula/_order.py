"""What orders share: rows by difficulty, groups of rows, and a cycle through groups."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Curriculum, Phase, Pool

Ints = NDArray[np.int64]


def one_lesson(pool: Pool, rows: Sequence[int] | Ints, epochs: int) -> Curriculum:
    """The rows in this order, walked `epochs` times; no row, no lesson."""
    return Curriculum((Phase(tuple(pool.ids[row] for row in rows), epochs),) if len(rows) else ())


def easiest_first(pool: Pool) -> Ints:
    """Row numbers by posterior mean, highest first, equal ones by id.

    Raises:
        ValueError: a mean is not finite.
    """
    return np.argsort(-np.round(finite(pool, "mean"), 12), kind="stable")


def grouped(pool: Pool, by: str, rows: Ints) -> list[Ints]:
    """These rows by cluster or by a column, each group in the order given, the group of the lowest id first.

    Raises:
        LookupError: the pool has no clusters, or no such column.
    """
    if by == "cluster" and pool.cluster is None:
        raise LookupError(f"the pool of {len(pool)} has no clusters; embed it first")
    labels = pool.cluster if by == "cluster" and pool.cluster is not None else pool.column(by)
    _, own = np.unique(labels, return_inverse=True)
    parts = [rows[own[rows] == name] for name in np.unique(own[rows])]
    return sorted(parts, key=lambda part: int(part.min()))


def interleave(parts: Sequence[Ints]) -> list[int]:
    """The groups in turn, each in its own order, so that neighbours differ in group whenever that is possible at all.

    A plain round robin runs out of small groups and ends in a block of the largest. Here a group that holds more than half
    of what is left goes first, unless it has just been; otherwise the next group in the cycle.

    >>> interleave([np.array([0, 1, 2]), np.array([3]), np.array([4])])
    [0, 3, 1, 4, 2]
    """
    queues = [iter(part.tolist()) for part in parts]
    left = [len(part) for part in parts]
    order: list[int] = []
    last = -1
    for total in range(sum(left), 0, -1):
        last = _turn(left, last, total)
        left[last] -= 1
        order.append(next(queues[last]))
    return order


def _turn(left: list[int], last: int, total: int) -> int:
    """Whose turn it is: (k,) rows left by group, the group that has just been (-1: none), and the rows left in all."""
    most = max(left)
    if 2 * most > total and left.index(most) != last:
        return left.index(most)
    cycle = (*range(last + 1, len(left)), *range(max(last, 0)))
    return next((group for group in cycle if left[group]), last)


def arms(pool: Pool, by: str, bins: int) -> list[Ints]:
    """The pool's rows in `bins` parts of equal size by a number, easiest or least first, or with bins = 0 grouped by value; no part is empty.

    Raises:
        ValueError: a number is not finite.
    """
    if not bins:
        return grouped(pool, by, np.arange(len(pool)))
    ranked = easiest_first(pool) if by == "mean" else ascending(pool, by)
    return [np.sort(part) for part in np.array_split(ranked, bins) if len(part)]


def ascending(pool: Pool, by: str) -> Ints:
    """Row numbers by a numeric column, lowest first, equal ones by id.

    Raises:
        ValueError: a value is no finite number.
    """
    return np.argsort(np.round(finite(pool, by), 12), kind="stable")


def finite(pool: Pool, by: str) -> NDArray[np.float64]:
    """A numeric column, (n,).

    Raises:
        ValueError: a value is no finite number; names the problem.
    """
    values = np.asarray(pool.column(by))
    if values.dtype.kind not in "fiub":
        raise ValueError(f"column {by!r} holds {str(values[:1].tolist())[1:-1]}, and is asked for a number")
    wrong = np.flatnonzero(~np.isfinite(values.astype(np.float64)))
    if len(wrong):
        raise ValueError(
            f"problem {pool.ids[wrong[0]]!r} has {by} = {values[wrong[0]]}; {len(wrong)} of {len(pool)} lack it"
        )
    return values.astype(np.float64)
