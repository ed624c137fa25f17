"""Whole quotas that sum exactly to a budget: the largest-remainder rule, with a capacity for each group."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TIE = 1e-9  # remainders closer than this are equal: those of 10.5 and 3.5 must not differ by their last bit


def quotas(weights: ArrayLike, budget: int, capacities: ArrayLike) -> Ints:
    """Quotas are proportional to weights, never above capacities, and sum exactly to min(budget, sum of capacities).

    Each share is rounded down, and the remaining units go to the largest remainders, equal ones to the lower index.
    What a full group cannot take is divided again among the others in proportion to their weights; a group of weight 0
    gets something only once every other group is full, and then such groups divide it by capacity.

    Shapes: weights (k,) finite and >= 0, capacities (k,) whole and >= 0 -> (k,).

    Raises:
        ValueError: shapes differ, or a weight, capacity or the budget is negative or not finite.

    Source: Hamilton's method; the size-proportional cluster budgets b_j = b |X_j| / |X| of arXiv:2409.11378, sec. 3,
    whose released code truncates instead and so loses up to k - 1 of the budget.

    >>> quotas([3, 3, 1], 4, [9, 9, 9]).tolist()
    [2, 2, 0]
    >>> quotas([3, 3, 1], 9, [2, 9, 9]).tolist()
    [2, 5, 2]
    """
    weight, capacity = np.array(weights, dtype=np.float64), np.array(capacities, dtype=np.int64)
    _check(weight, capacity, budget)
    quota = np.zeros(len(capacity), dtype=np.int64)
    positive = weight > 0
    for group_weight, group in ((weight, positive), (capacity.astype(np.float64), ~positive)):
        remaining = budget - int(quota.sum())
        quota[group] = _fill(group_weight[group], remaining, capacity[group])
    return quota


def _fill(weights: Floats, budget: int, capacities: Ints) -> Ints:
    """Quotas under positive weights: full groups are closed until the rest fits, which is then rounded once."""
    quota = np.zeros(len(capacities), dtype=np.int64)
    is_open = capacities > 0  # (k,)
    remaining = min(budget, int(capacities.sum()))
    while is_open.any() and remaining:
        share = remaining * (weights[is_open] / weights[is_open].sum())
        full = np.flatnonzero(is_open)[share >= capacities[is_open]]
        if not len(full):
            quota[is_open] = _round(share, remaining)
            break
        quota[full] = capacities[full]
        is_open[full] = False
        remaining -= int(capacities[full].sum())
    return quota


def _round(share: Floats, total: int) -> Ints:
    rounded = np.floor(share + TIE)
    remainder = np.round((share - rounded) / TIE)
    largest = np.argsort(-remainder, kind="stable")[: total - int(rounded.sum())]
    rounded[largest] += 1
    return rounded.astype(np.int64)


def _check(weights: Floats, capacities: Ints, budget: int) -> None:
    if weights.shape != capacities.shape or weights.ndim != 1:
        raise ValueError(f"weights of shape {weights.shape} for capacities of shape {capacities.shape}")
    if budget < 0:
        raise ValueError(f"a budget of {budget} is negative")
    for name, values in (("weight", weights), ("capacity", capacities)):
        invalid = np.flatnonzero(~np.isfinite(values) | (values < 0))
        if len(invalid):
            raise ValueError(f"{name} {values[invalid[0]]} at index {invalid[0]} is negative or not finite")
