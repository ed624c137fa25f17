"""What orders share: rows sorted by a number, groups of rows, and turns between groups."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Curriculum, Phase, Pool

Ints = NDArray[np.int64]


def single_phase(pool: Pool, rows: Sequence[int] | Ints, epochs: int) -> Curriculum:
    """Return a curriculum of one phase with these rows in this order; no phase where there are no rows."""
    return Curriculum((Phase(tuple(pool.ids[row] for row in rows), epochs),) if len(rows) else ())


def sort_easiest_first(pool: Pool) -> Ints:
    """Return the row numbers by posterior mean, highest first, equal ones by id.

    Raises:
        ValueError: a mean is not finite.
    """
    return np.argsort(-np.round(finite_column(pool, "mean"), 12), kind="stable")


def sort_ascending(pool: Pool, by: str) -> Ints:
    """Return the row numbers by a numeric column, lowest first, equal ones by id.

    Raises:
        ValueError: a value is no finite number.
    """
    return np.argsort(np.round(finite_column(pool, by), 12), kind="stable")


def group_rows(pool: Pool, by: str, rows: Ints) -> list[Ints]:
    """Group rows by cluster or by the values of a column.

    Args:
        pool: Has the clusters or the column.
        by: "cluster", or a column's name.
        rows: Row numbers; each group keeps their order.

    Returns:
        The groups, that of the lowest id first.

    Raises:
        LookupError: the pool has no clusters, or no such column.
    """
    if by == "cluster" and pool.cluster is None:
        raise LookupError(f"the pool of {len(pool)} has no clusters; embed it first")
    labels = pool.cluster if by == "cluster" and pool.cluster is not None else pool.column(by)
    _, codes = np.unique(labels, return_inverse=True)
    groups = [rows[codes[rows] == code] for code in np.unique(codes[rows])]
    return sorted(groups, key=lambda group: int(group.min()))


def split_rows(pool: Pool, by: str, bins: int) -> list[Ints]:
    """Split the pool's rows by a number or by the values of a column; no part is empty.

    Args:
        pool: Has the column.
        by: "mean" (easiest first), another column (lowest first), or "cluster".
        bins: Parts of equal size; 0 = one part per value.

    Returns:
        The parts, each with ascending row numbers.

    Raises:
        LookupError: the pool has no clusters, or no such column.
        ValueError: bins > 0 and a value is no finite number.
    """
    if not bins:
        return group_rows(pool, by, np.arange(len(pool)))
    ranked = sort_easiest_first(pool) if by == "mean" else sort_ascending(pool, by)
    return [np.sort(part) for part in np.array_split(ranked, bins) if len(part)]


def is_category(pool: Pool, by: str) -> bool:
    """Return whether a column's values are names and no numbers."""
    return by == "cluster" or np.asarray(pool.column(by)).dtype.kind not in "fiub"


def cross_bins(pool: Pool, by: Sequence[str], levels: int) -> list[Ints]:
    """Split the pool's rows into sets that agree in every column; none is empty, that of the lowest id first.

    Args:
        pool: Has the columns.
        by: Columns; "cluster" is one.
        levels: A number of more values than this is cut into so many parts of equal size.

    Raises:
        LookupError: the pool has no clusters, or no such column.
        ValueError: a value is no finite number.
    """
    codes = np.zeros((len(pool), len(by)), dtype=np.int64)
    for place, name in enumerate(by):
        is_named = is_category(pool, name) or len(np.unique(finite_column(pool, name))) <= levels
        for code, rows in enumerate(split_rows(pool, name, 0 if is_named else levels)):
            codes[rows, place] = code
    _, inverse = np.unique(codes, axis=0, return_inverse=True)
    parts = [np.flatnonzero(inverse.reshape(-1) == code) for code in range(int(inverse.max(initial=-1)) + 1)]
    return sorted(parts, key=lambda rows: int(rows.min()))


def interleave(groups: Sequence[Ints]) -> list[int]:
    """Return the rows of all groups in turns, so that neighbours differ in group whenever that is possible at all.

    A plain round robin runs out of small groups and ends in a block of the largest. Here a group that holds more than
    half of what is left goes first, unless it has just been; otherwise the next group in the cycle. Each group keeps
    its order.

    >>> interleave([np.array([0, 1, 2]), np.array([3]), np.array([4])])
    [0, 3, 1, 4, 2]
    """
    queues = [iter(group.tolist()) for group in groups]
    n_left = [len(group) for group in groups]
    order: list[int] = []
    last = -1
    for total in range(sum(n_left), 0, -1):
        last = _next_group(n_left, last, total)
        n_left[last] -= 1
        order.append(next(queues[last]))
    return order


def _next_group(n_left: list[int], last: int, total: int) -> int:
    """Return whose turn it is, from the rows left per group, the last group (-1: none), and the rows left in all."""
    most = max(n_left)
    if 2 * most > total and n_left.index(most) != last:
        return n_left.index(most)
    cycle = (*range(last + 1, len(n_left)), *range(max(last, 0)))
    return next((group for group in cycle if n_left[group]), last)


def finite_column(pool: Pool, by: str) -> NDArray[np.float64]:
    """Return a numeric column, (n,).

    Raises:
        ValueError: a value is no finite number; names the problem.
    """
    values = np.asarray(pool.column(by))
    if values.dtype.kind not in "fiub":
        raise ValueError(f"column {by!r} holds {str(values[:1].tolist())[1:-1]}, but numbers are needed")
    wrong = np.flatnonzero(~np.isfinite(values.astype(np.float64)))
    if len(wrong):
        raise ValueError(
            f"problem {pool.ids[wrong[0]]!r} has {by} = {values[wrong[0]]}; {len(wrong)} of {len(pool)} lack a "
            "finite value"
        )
    return values.astype(np.float64)
