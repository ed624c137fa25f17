"""What every selector shares: columns read with care, clusters as groups of rows, and the Selection that accounts for each row."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.types import Pool, Selection
from assay.maths.allocation.quotas import quotas

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def account(
    pool: Pool, chosen: Ints, *, reasons: NDArray[np.str_] | None = None, weights: Floats | None = None
) -> Selection:
    """The chosen rows are kept, ids ascending, and every other row is dropped under its reason.

    Shapes: chosen (m,) row numbers, distinct; reasons (n,), of which those of chosen rows are ignored, None = `not_chosen`
    everywhere; weights (m,) in the order of `chosen`, None = 1 for each.
    """
    order = np.argsort(chosen, kind="stable")
    kept = chosen[order]
    weight = np.ones(len(kept)) if weights is None else weights[order]
    gone = np.setdiff1d(np.arange(len(pool)), kept)
    why = np.full(len(pool), "not_chosen") if reasons is None else reasons
    dropped: dict[str, list[str]] = {str(reason): [] for reason in np.unique(why[gone])}
    for row in gone:
        dropped[str(why[row])].append(pool.ids[row])
    return Selection(
        tuple(pool.ids[row] for row in kept),
        tuple(float(each) for each in weight),
        {name: tuple(ids) for name, ids in dropped.items()},
    )


def numbers(pool: Pool, name: str, *, where: NDArray[np.bool_] | None = None) -> Floats:
    """One numeric column of the pool, (n,), every value finite (only the rows `where` is true are checked); texts are read as numbers.

    Raises:
        LookupError: the pool lacks the column.
        ValueError: a value is no number or not finite; a problem without evidence is `unscored`, never 0.
    """
    values = _floats(pool, name)
    wrong = np.flatnonzero(~np.isfinite(values) if where is None else ~np.isfinite(values) & where)
    if len(wrong):
        raise ValueError(
            f"problem {pool.ids[wrong[0]]!r} has {name} = {values[wrong[0]]}; {len(wrong)} of {len(pool)} lack it"
        )
    return values


def _floats(pool: Pool, name: str) -> Floats:
    column = np.asarray(pool.column(name))
    try:
        return column.astype(np.float64)
    except (ValueError, TypeError):
        for id_, value in zip(pool.ids, column, strict=True):
            try:
                float(value)
            except (ValueError, TypeError):
                raise ValueError(f"problem {id_!r} has {name} = {str(value)!r}, which is no number") from None
        raise


def within(budget: int, rows: int) -> int:
    """The number of problems to keep: the budget, or all rows where it is larger.

    Raises:
        ValueError: the budget is negative.
    """
    if budget < 0:
        raise ValueError(f"a budget of {budget} problems is negative")
    return min(budget, rows)


def groups(labels: NDArray[np.generic]) -> list[Ints]:
    """Row numbers of each group, ascending, the group of the lowest row first: a label is a name, its value decides nothing."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rows = np.argsort(inverse, kind="stable")
    parts = np.split(rows, np.cumsum(np.bincount(inverse, minlength=len(first)))[:-1]) if len(rows) else []
    return sorted((part.astype(np.int64) for part in parts), key=lambda part: int(part[0]))


def clusters(pool: Pool) -> list[Ints]:
    """The pool's clusters as `groups`.

    Raises:
        LookupError: the pool was not clustered.
    """
    if pool.cluster is None:
        raise LookupError(f"the pool of {len(pool)} has no clusters; embed it first")
    return groups(pool.cluster)


def vectors(pool: Pool) -> NDArray[np.float32]:
    """The pool's vectors, (n, d), each of norm 1.

    Raises:
        LookupError: the pool was not embedded.
        ValueError: a row is not finite or its norm is not 1 (a zero vector has no direction).
    """
    if pool.vectors is None:
        raise LookupError(f"the pool of {len(pool)} has no vectors; embed it first")
    rows = np.asarray(pool.vectors, dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    wrong = np.flatnonzero(~(np.abs(norms - 1) < 1e-3))
    if len(wrong):
        raise ValueError(
            f"problem {pool.ids[wrong[0]]!r} has a vector of norm {norms[wrong[0]]:.3g}, not 1; {len(wrong)} of {len(pool)} are so"
        )
    return rows


def best(score: Floats, rows: Ints) -> Ints:
    """These rows by score, highest first, equal ones by row and so by id; differences below 1e-12 are rounding, not merit."""
    return rows[np.argsort(-np.round(score[rows], 12), kind="stable")]


def take(ranked: Sequence[Ints], shares: Ints) -> Ints:
    """The first shares[j] rows of each ranking j."""
    return np.concatenate([np.empty(0, np.int64), *(rows[:share] for rows, share in zip(ranked, shares, strict=True))])


def by_size(parts: Sequence[Ints], budget: int) -> Ints:
    """Quotas proportional to the sizes of the groups."""
    sizes = [len(part) for part in parts]
    return quotas(sizes, budget, sizes)
