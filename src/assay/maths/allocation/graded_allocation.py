"""Which problems to attempt next where rewards are graded: `adaptive_allocation` with sampled futures.

The futures of a reward posterior are too many to list, so `FUTURES` of them are drawn for every problem by the same
points. Decisions use closed forms of the later signal: P(sd > 0), or the bound of E[sd]
(`maths/rl/reward_signal.py`). Shapes: n problems.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from assay.maths.allocation.adaptive_allocation import ROUNDING, PoolEvidence, Wave
from assay.maths.beta.beta_binomial import expected_top_sum, gain_over_bar
from assay.maths.rl.reward_signal import (
    RewardPosterior,
    SignalKind,
    chance_of_unequal,
    deviation_bound,
    draw_attempts,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FUTURES = 32  # per problem, a power of 2 for Sobol's sequence
MOST_DIMENSIONS = 64  # attempts ahead that are looked at
CHUNK = 1_024  # problems in memory at a time


def quick_signal(posterior: RewardPosterior, group_size: int, kind: SignalKind) -> Floats:
    """The signal by which attempts are allocated, (n,), in closed form."""
    return (chance_of_unequal if kind == "mixed" else deviation_bound)(posterior, group_size)


def graded_wave(
    evidence: PoolEvidence,
    posterior: RewardPosterior,
    *,
    budget: int,
    group_size: int,
    kind: SignalKind = "mixed",
    most: int = 64,
    step: int = 2,
    share: float = 1 / 16,
    gain: float = 0.007,
) -> Wave:
    """The problems whose next attempts are worth most per token, as `top_wave`, for graded rewards.

    The wave is empty once completing every problem would gain at most `gain` x value. A problem is looked at `step` and
    all its remaining attempts ahead. The sampled gain has an error, and its mean over zero gains is positive, so the
    rule stops later than it would by exact futures, never earlier on average.
    """
    remaining = np.minimum(evidence.remaining(most), MOST_DIMENSIONS)
    now = quick_signal(posterior, group_size, kind)
    value, bar = float(np.sort(now)[::-1][:budget].sum()), _bar(now, budget)
    later = np.repeat(now[:, None], FUTURES, axis=1)
    worth = np.zeros(len(now))
    for horizon in sorted({int(n) for n in remaining if n > 0}):
        rows = np.flatnonzero(remaining == horizon)
        later[rows] = _later_signal(posterior.select(rows), horizon, group_size, kind)
        near = _later_signal(posterior.select(rows), step, group_size, kind) if step < horizon else later[rows]
        chance = np.full(near.shape, 1 / FUTURES)
        worth[rows] = np.maximum(
            gain_over_bar(chance, later[rows], bar, now[rows]) / horizon,
            gain_over_bar(chance, near, bar, now[rows]) / min(step, horizon),
        )
    complete = expected_top_sum(later, np.full(later.shape, 1 / FUTURES), budget)
    if complete - value <= gain * value + ROUNDING:
        return Wave(np.empty(0, np.int64), value, max(complete - value, 0.0))
    per_token = worth / evidence.price()
    best = np.argsort(-per_token, kind="stable")[: max(1, round(len(now) * share))]
    return Wave(np.sort(best[per_token[best] > 0]), value, complete - value)


def graded_contenders(
    evidence: PoolEvidence,
    posterior: RewardPosterior,
    *,
    budget: int,
    group_size: int,
    share: float,
    most: int,
    kind: SignalKind = "mixed",
) -> Ints:
    """The `share` of the pool, ascending, whose completion is worth most, as `contenders`, for graded rewards."""
    wave = graded_wave(
        evidence,
        posterior,
        budget=budget,
        group_size=group_size,
        kind=kind,
        most=most,
        step=most,
        share=float(np.ceil(len(posterior) * share) / max(len(posterior), 1)),
        gain=-1.0,
    )
    return wave.rows


def _bar(signal: Floats, budget: int) -> float:
    """Half-way between the last problem that is chosen and the first that is not."""
    if budget >= len(signal):
        return 0.0
    ranked = np.sort(signal)[::-1]
    return float((ranked[max(budget - 1, 0)] + ranked[budget]) / 2)


def _later_signal(posterior: RewardPosterior, more: int, group_size: int, kind: SignalKind) -> Floats:
    """The signal after `more` further attempts in each of the sampled futures, (n, FUTURES)."""
    parts = [np.empty((0, FUTURES))]
    for start in range(0, len(posterior), CHUNK):
        part = posterior.select(np.arange(start, min(start + CHUNK, len(posterior))))
        columns = draw_attempts(part, _uniforms(more))  # (m, FUTURES, more)
        counts = np.stack([(columns == column).sum(2) for column in range(part.values.shape[1])], axis=2)
        n_correct = (counts * part.correct[:, None, :]).sum(2)
        flat = RewardPosterior(
            (part.a[:, None] + n_correct).ravel(),
            (part.b[:, None] + more - n_correct).ravel(),
            np.repeat(part.values, FUTURES, axis=0),
            (part.weights[:, None, :] + counts).reshape(-1, part.values.shape[1]),
            np.repeat(part.correct, FUTURES, axis=0),
        )
        parts.append(quick_signal(flat, group_size, kind).reshape(-1, FUTURES))
    return np.concatenate(parts)


@cache
def _uniforms(attempts: int) -> Floats:
    """The points that all problems share, (FUTURES, attempts, 2)."""
    from scipy.stats import qmc

    sobol = qmc.Sobol(2 * attempts, scramble=True, seed=20_241)
    return np.asarray(sobol.random(FUTURES)).reshape(FUTURES, attempts, 2)
