"""Ratios of sums over problems, with intervals that resample whole problems."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
# more problems are summed in so many blocks at random: the variance of a sum stays, the cost is bounded
BLOCKS = 20_000
REPLICATES = 400


def ratio_intervals(
    parts: ArrayLike, wholes: ArrayLike, *, seed: int = 0, level: float = 0.95, replicates: int = REPLICATES
) -> Floats:
    """Each ratio sum(part) / sum(whole) with the ends of its percentile interval: (point, low, high) per column.

    A replicate draws n of the n problems with replacement, so attempts at one problem stay together: they are alike,
    and an interval from single attempts would be too narrow. A whole of 0 gives NaN three times. Where no problem has a
    part,
    or all are whole, resampling cannot show doubt: the other end is then that of m of m problems without a single one,
    1 - ((1 - level) / 2)^(1 / m).

    Shapes: parts (n, k), wholes (n, k) -> (k, 3).

    Raises:
        ValueError: the shapes differ.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13; clusters as the units: ch. 8.

    >>> ratio_intervals([[1.0], [1.0]], [[2.0], [2.0]]).tolist()
    [[0.5, 0.5, 0.5]]
    >>> ratio_intervals([[0.0]] * 100, [[1.0]] * 100).round(3).tolist()
    [[0.0, 0.0, 0.036]]
    """
    top, below = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    result = summarize_replicates(resampled_ratios(top, below, seed=seed, replicates=replicates), level=level)
    problems = np.maximum((below != 0).sum(axis=0), 1)
    bound = 1 - ((1 - level) / 2) ** (1 / problems)
    result[:, 2] = np.where(result[:, 0] == 0, bound, result[:, 2])
    result[:, 1] = np.where((top == below).all(axis=0) & (result[:, 0] == 1), 1 - bound, result[:, 1])
    return result


def resampled_ratios(parts: ArrayLike, wholes: ArrayLike, *, seed: int = 0, replicates: int = REPLICATES) -> Floats:
    """The ratios of the problems themselves in row 0 and of each replicate below; one replicate is the same resample
    for every column, so that columns can be compared row by row.

    Shapes: parts (n, k), wholes (n, k) -> (1 + replicates, k).

    Raises:
        ValueError: the shapes differ.
    """
    top, below = np.atleast_2d(np.asarray(parts, dtype=np.float64)), np.atleast_2d(np.asarray(wholes, dtype=np.float64))
    if top.shape != below.shape:
        raise ValueError(f"parts of shape {top.shape} for wholes of shape {below.shape}")
    rng = np.random.default_rng(seed)
    sums = _blocks(np.hstack([top, below]), rng)  # (m, 2k)
    count, k = len(sums), top.shape[1]
    totals = np.empty((1 + replicates, 2 * k))
    totals[0] = sums.sum(axis=0)
    for row in range(1, 1 + replicates):
        weights = np.bincount(rng.integers(count, size=count), minlength=count) if count else np.zeros(0)
        totals[row] = weights @ sums
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(totals[:, k:] != 0, totals[:, :k] / totals[:, k:], np.nan))


def summarize_replicates(ratios: Floats, *, level: float = 0.95) -> Floats:
    """Row 0 with the interval's ends from the other rows: (point, low, high) per column; replicates that are NaN are
    left out.

    Shapes: ratios (1 + replicates, k) -> (k, 3).
    """
    tail = (1 - level) / 2
    result = np.full((ratios.shape[1], 3), np.nan)
    for column, values in enumerate(ratios.T):
        finite = values[1:][np.isfinite(values[1:])]
        if len(finite) and np.isfinite(values[0]):
            result[column] = values[0], *np.quantile(finite, [tail, 1 - tail])
    return result


def _blocks(rows: Floats, rng: np.random.Generator) -> Floats:
    """Sums of the rows in at most BLOCKS blocks of equal size, at random."""
    if len(rows) <= BLOCKS:
        return rows
    order = rng.permutation(len(rows))
    return np.asarray(
        np.add.reduceat(rows[order], np.linspace(0, len(rows), BLOCKS, endpoint=False).astype(int), axis=0)
    )
