"""Integer shares that sum exactly to a budget: the largest-remainder rule, with a capacity for each share."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TIE = 1e-9  # remainders closer than this are equal: 10.5 and 3.5 must not be told apart by their last bit


def quotas(weights: ArrayLike, budget: int, capacities: ArrayLike) -> Ints:
    """Quotas are proportional to weights, never above capacities, and sum exactly to min(budget, sum of capacities).

    Each share is rounded down and the units left over go to the largest remainders, equal ones to the lower index. What a
    full group cannot take is shared out again among the rest in proportion to their weights; a group of weight 0 gets
    something only once every other group is full, and then all such groups share by capacity.

    Shapes: weights (k,) finite and >= 0, capacities (k,) whole and >= 0 -> (k,).

    Raises:
        ValueError: shapes differ, or a weight, capacity or the budget is negative or not finite.

    Source: Hamilton's method; the size-proportional cluster budgets b_j = b |X_j| / |X| of arXiv:2409.11378, sec. 3, whose
    released code truncates instead and so loses up to k - 1 of the budget.

    >>> quotas([3, 3, 1], 4, [9, 9, 9]).tolist()
    [2, 2, 0]
    >>> quotas([3, 3, 1], 9, [2, 9, 9]).tolist()
    [2, 5, 2]
    """
    share, room = np.array(weights, dtype=np.float64), np.array(capacities, dtype=np.int64)
    _check(share, room, budget)
    result = np.zeros(len(room), dtype=np.int64)
    positive = share > 0
    for weight, group in ((share, positive), (room.astype(np.float64), ~positive)):
        left = budget - int(result.sum())
        result[group] = _fill(weight[group], left, room[group])
    return result


def _fill(weights: Floats, budget: int, room: Ints) -> Ints:
    """Quotas where every weight is positive: full groups are closed until the rest fits, then rounded once."""
    quota = np.zeros(len(room), dtype=np.int64)
    still = room > 0  # (k,)
    left = min(budget, int(room.sum()))
    while still.any() and left:
        share = left * (weights[still] / weights[still].sum())
        full = np.flatnonzero(still)[share >= room[still]]
        if not len(full):
            quota[still] = _round(share, left)
            break
        quota[full] = room[full]
        still[full] = False
        left -= int(room[full].sum())
    return quota


def _round(share: Floats, total: int) -> Ints:
    down = np.floor(share + TIE)
    remainder = np.round((share - down) / TIE)
    first = np.argsort(-remainder, kind="stable")[: total - int(down.sum())]
    down[first] += 1
    return down.astype(np.int64)


def _check(weights: Floats, capacities: Ints, budget: int) -> None:
    if weights.shape != capacities.shape or weights.ndim != 1:
        raise ValueError(f"weights of shape {weights.shape} for capacities of shape {capacities.shape}")
    if budget < 0:
        raise ValueError(f"a budget of {budget} is negative")
    for name, values in (("weight", weights), ("capacity", capacities)):
        wrong = np.flatnonzero(~np.isfinite(values) | (values < 0))
        if len(wrong):
            raise ValueError(f"{name} {values[wrong[0]]} at index {wrong[0]} is negative or not finite")
