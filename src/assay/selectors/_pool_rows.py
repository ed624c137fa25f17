"""Rows of a pool, as every selector handles them: read a column, group rows, rank them, and build the Selection.

A selector works on row numbers and ends with `build_selection`, which accounts for every problem of the pool.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CANDIDATES_PER_CHOICE = 4  # at least, of `draw_candidates`
ROWS = 50_000  # whose reasons are texts of Python at a time


def build_selection(
    pool: Pool, chosen: Ints, *, reasons: NDArray[np.str_] | None = None, weights: Floats | None = None
) -> Selection:
    """Build a Selection that keeps the chosen rows, ids ascending, and drops every other row with its reason.

    Args:
        pool: the pool that was selected from.
        chosen: (m,) distinct row numbers.
        reasons: (n,) reason of each row; those of chosen rows are ignored. None = `not_chosen` for all.
        weights: (m,) in the order of `chosen`; None = 1 each.
    """
    order = np.argsort(chosen, kind="stable")
    kept_rows = chosen[order]
    kept_weights = np.ones(len(kept_rows)) if weights is None else weights[order]
    is_dropped = np.ones(len(pool), np.bool_)
    is_dropped[kept_rows] = False
    dropped_rows = np.flatnonzero(is_dropped)
    reason_by_row = np.full(len(pool), "not_chosen") if reasons is None else reasons
    reason_of = reason_by_row[dropped_rows]
    starts = range(0, len(reason_of), ROWS)
    names = {reason for start in starts for reason in reason_of[start : start + ROWS].tolist()}
    dropped = {reason: _ids_at(pool, dropped_rows[reason_of == reason]) for reason in sorted(names)}
    return Selection(_ids_at(pool, kept_rows), tuple(kept_weights.astype(np.float64).tolist()), dropped)


def _ids_at(pool: Pool, rows: Ints) -> tuple[str, ...]:
    return tuple(map(pool.ids.__getitem__, rows.tolist()))


def numeric_column(pool: Pool, name: str, *, where: NDArray[np.bool_] | None = None) -> Floats:
    """Read a numeric column of the pool; texts that spell a number are converted.

    Args:
        pool: the pool.
        name: name of the column.
        where: (n,) rows whose values must be finite; None = all.

    Returns:
        (n,) the column as floats.

    Raises:
        LookupError: the pool lacks the column.
        ValueError: a value is not a number or not finite. A problem without evidence is `unscored`, never 0.
    """
    values = _to_floats(pool, name)
    invalid = np.flatnonzero(~np.isfinite(values) if where is None else ~np.isfinite(values) & where)
    if len(invalid):
        raise ValueError(
            f"problem {pool.ids[invalid[0]]!r} has {name} = {values[invalid[0]]}; {len(invalid)} of {len(pool)} lack "
            "a finite value"
        )
    return values


def _to_floats(pool: Pool, name: str) -> Floats:
    column = np.asarray(pool.column(name))
    try:
        return column.astype(np.float64)
    except (ValueError, TypeError):
        for id_, value in zip(pool.ids, column, strict=True):
            try:
                float(value)
            except (ValueError, TypeError):
                raise ValueError(f"problem {id_!r} has {name} = {str(value)!r}, which is not a number") from None
        raise


def clip_budget(budget: int, rows: int) -> int:
    """Return the number of problems to keep: the budget, or `rows` if the budget is larger.

    Raises:
        ValueError: the budget is negative.
    """
    if budget < 0:
        raise ValueError(f"the budget must not be negative, found {budget}")
    return min(budget, rows)


def draw_candidates(pool: Pool, budget: int, candidates: int, rng: np.random.Generator) -> tuple[Pool, Ints]:
    """Draw the problems among which a selector chooses that compares vectors.

    Args:
        pool: the pool.
        budget: problems to keep.
        candidates: how many are drawn at least; a budget above a quarter of them draws four per problem. 0 = all.
        rng: draws them, where the pool is larger.

    Returns:
        The pool of the candidates, and (m,) their row numbers, ascending; the pool itself where it is no larger.
    """
    size = max(candidates, CANDIDATES_PER_CHOICE * budget)
    if not candidates or len(pool) <= size:
        return pool, np.arange(len(pool))
    rows = np.sort(rng.choice(len(pool), size=size, replace=False))
    columns = {name: np.asarray(column)[rows] for name, column in pool.columns.items()}
    vectors = None if pool.vectors is None else pool.vectors[rows]
    return Pool(_ids_at(pool, rows), columns, vectors, None if pool.cluster is None else pool.cluster[rows]), rows


def group_rows(labels: NDArray[np.generic]) -> list[Ints]:
    """Split row numbers into groups of equal labels.

    Returns:
        Row numbers of each group, ascending. Groups are ordered by their lowest row, so the labels' own values and
        order have no influence.
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rows = np.argsort(inverse, kind="stable")
    groups = np.split(rows, np.cumsum(np.bincount(inverse, minlength=len(first)))[:-1]) if len(rows) else []
    return sorted((group.astype(np.int64) for group in groups), key=lambda group: int(group[0]))


def cluster_rows(pool: Pool) -> list[Ints]:
    """Return the row numbers of each cluster, as `group_rows` does.

    Raises:
        LookupError: the pool was not clustered.
    """
    if pool.cluster is None:
        raise LookupError(f"the pool of {len(pool)} has no clusters; embed it first")
    return group_rows(pool.cluster)


def unit_vectors(pool: Pool) -> NDArray[np.float32]:
    """Return the pool's vectors, (n, d), each of norm 1.

    Raises:
        LookupError: the pool was not embedded.
        ValueError: a row is not finite or its norm is not 1 (a zero vector has no direction).
    """
    if pool.vectors is None:
        raise LookupError(f"the pool of {len(pool)} has no vectors; embed it first")
    vectors = np.asarray(pool.vectors, dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    invalid = np.flatnonzero(~(np.abs(norms - 1) < 1e-3))
    if len(invalid):
        raise ValueError(
            f"problem {pool.ids[invalid[0]]!r} has a vector of norm {norms[invalid[0]]:.3g}, not 1; "
            f"{len(invalid)} of {len(pool)} are affected"
        )
    return vectors


def rank_by_score(score: Floats, rows: Ints) -> Ints:
    """Sort rows by score, highest first, equal scores by row number and so by id.

    Scores are rounded to 12 decimals first, so that rounding errors decide nothing.
    """
    return rows[np.argsort(-np.round(score[rows], 12), kind="stable")]


def take_quotas(rankings: Sequence[Ints], counts: Ints) -> Ints:
    """Concatenate the first counts[j] rows of each ranking j."""
    return np.concatenate(
        [np.empty(0, np.int64), *(rows[:count] for rows, count in zip(rankings, counts, strict=True))]
    )


def size_quotas(groups: Sequence[Ints], budget: int) -> Ints:
    """Divide the budget among groups in proportion to their sizes; no group gets more than it holds."""
    sizes = [len(group) for group in groups]
    return quotas(sizes, budget, sizes)
