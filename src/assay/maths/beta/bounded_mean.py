"""An interval for the mean of a few bounded rewards that holds whatever their distribution, by betting."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

GRID = 201  # candidate means
MOST_STAKE = 0.75  # of what a bet may lose at most, so that no bettor is ever broke
CHUNK = 2_000  # problems in memory at a time


def betting_interval(
    rewards: ArrayLike,
    counts: ArrayLike | None = None,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """The interval holds the mean with at least `level` at every n, of any distribution inside the bounds.

    Two bettors stake against each candidate mean m, one that the rewards are above it and one that they are below; a
    candidate is left out once their half stakes together have grown 1 / (1 - level) times, which happens with chance at
    most 1 - level if it is the true one (Ville). A row's rewards are bet on in their order. Without rewards the
    interval is the bounds. It is wider than Jeffreys' for rewards of 0 and 1 (8 of 8 wrong: [0, .44] for [0, .26]),
    which is right on average over a prior only. Shapes: rewards (n, m), padded with anything after the first counts[i]
    of row i, counts (n,), None = m -> (n,), (n,).

    Raises:
        ValueError: a reward is outside the bounds, or the bounds are empty.

    Source: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting, sec. 4.4, the
    hedged capital for a fixed n.

    >>> low, high = betting_interval([[0.0] * 8])
    >>> float(low[0]), round(float(high[0]), 2)
    (0.0, 0.44)
    """
    x = np.atleast_2d(np.asarray(rewards, dtype=np.float64))
    n = np.full(len(x), x.shape[1]) if counts is None else np.asarray(counts, dtype=np.int64)
    low, high = bounds
    if not low < high:
        raise ValueError(f"the bounds [{low}, {high}] are empty")
    inside = np.arange(x.shape[1]) < n[:, None]
    if ((x < low) | (x > high))[inside].any():
        strange = x[inside & ((x < low) | (x > high))][0]
        raise ValueError(f"the reward {strange} is outside the bounds [{low}, {high}]")
    scaled = np.where(inside, (x - low) / (high - low), 0.0)
    parts = [_unit_interval(scaled[i : i + CHUNK], inside[i : i + CHUNK], 1 - level) for i in range(0, len(x), CHUNK)]
    ends = np.concatenate([np.empty((0, 2)), *parts])
    return low + (high - low) * ends[:, 0], low + (high - low) * ends[:, 1]


def _unit_interval(x: Floats, inside: NDArray[np.bool_], error: float) -> Floats:
    """The ends for rewards in [0, 1], (n, 2): the lowest and the highest remaining candidate, and half a step more."""
    m = np.linspace(0, 1, GRID)
    log_above, log_below = np.zeros((2, len(x), GRID))
    total, squares = np.full(len(x), 0.5), np.full(len(x), 0.25)  # one imagined reward of 1/2 and variance 1/4
    n = np.maximum(inside.sum(1), 1)
    with np.errstate(divide="ignore"):
        limit_above, limit_below = MOST_STAKE / m, MOST_STAKE / (1 - m)
    for place in range(x.shape[1]):
        variance = squares / (place + 1)
        stake = np.sqrt(2 * np.log(2 / error) / (n * variance))[:, None]
        gap = (x[:, place, None] - m) * inside[:, place, None]
        log_above += np.log1p(np.minimum(stake, limit_above) * gap)
        log_below += np.log1p(-np.minimum(stake, limit_below) * gap)
        total += x[:, place] * inside[:, place]
        centre = total / (place + 2)
        squares += (x[:, place] - centre) ** 2 * inside[:, place]
    is_candidate = np.logaddexp(log_above, log_below) - np.log(2) < np.log(1 / error)
    step = 0.5 / (GRID - 1)
    lowest, highest = m[is_candidate.argmax(1)], m[GRID - 1 - is_candidate[:, ::-1].argmax(1)]
    ends = np.stack([np.maximum(lowest - step, 0.0), np.minimum(highest + step, 1.0)], axis=1)
    return np.where(is_candidate.any(1)[:, None], ends, np.array([0.0, 1.0]))
