"""Decide which problem gets how many attempts, in two stages or adaptively.

Attempts come in waves, from a lake or from a simulation alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.maths.allocation.adaptive_allocation import (
    PoolEvidence,
    Wave,
    band_wave,
    contenders,
    rows_to_confirm,
    top_wave,
)
from assay.maths.allocation.graded_allocation import graded_contenders, graded_wave
from assay.maths.beta.two_betas import RatePrior
from assay.maths.rl.reward_signal import RewardPosterior, SignalKind

Ints = NDArray[np.int64]
# Rows whose wave is complete; their right and wrong attempts, all attempts and tokens so far.
WaveCounts = tuple[Ints, Ints, Ints, Ints, Ints]
SampleWave = Callable[[Ints, Ints], WaveCounts]  # rows, and the attempts that each shall have in all
FitPrior = Callable[[PoolEvidence, Ints], RatePrior]  # from the evidence on these rows
# The rewards' posteriors of these rows under a prior; None where all rewards are 1 for correct and 0 for all else.
ReadRewards = Callable[[PoolEvidence, RatePrior, Ints], RewardPosterior | None]

SIMULATED_PROBLEMS = 500  # at most, for an estimate of the attempts
REFIT_FACTOR = 1.1  # the prior is fitted again each time the attempts have grown by this factor


@dataclass(frozen=True, slots=True)
class Goal:
    """What the attempts are for: selecting the best problems, or deciding which problems lie in a band."""

    budget: int = 0  # problems that will be selected; 0 = the goal is a band
    group_size: int = 8
    low: float = 0.2  # of the band of pass rates
    high: float = 0.8
    stop_error: float = 0.004  # error level of the band, beyond that of `max_attempts`
    stop_gain: float = 0.007  # stop once completing all problems adds at most this fraction of the value
    # Keep on with the chosen problems while the standard error of their value by the prior's fit is a larger share of
    # it; 0 = the prior is not fitted to the pool.
    signal_error: float = 0.0
    signal: SignalKind = "mixed"  # of graded rewards: chance of unequal rewards, or their standard deviation


@dataclass(frozen=True, slots=True)
class Allocation:
    """How attempts are spread."""

    kind: Literal["two_stage", "adaptive"] = "adaptive"
    min_attempts: int = 2  # attempts that every problem gets
    max_attempts: int = 64  # attempts that one problem may get
    attempts_per_wave: int = 2  # attempts between two decisions
    wave_fraction: float = 1 / 16  # fraction of the pool in one wave
    top_up_fraction: float = 0.25  # fraction of the pool that the second stage tops up


def run_allocation(
    n: int,
    allocation: Allocation,
    goal: Goal,
    sample: SampleWave,
    fit: FitPrior,
    rewards: ReadRewards = lambda evidence, prior, rows: None,
) -> tuple[PoolEvidence, RatePrior, Ints]:
    """Sample wave after wave until the goal is reached.

    A row whose wave stays incomplete (a limit, a failed sample) keeps what it had and is sampled no more. Decisions are
    functions of complete waves alone, so a run that begins again over stored attempts decides the same.

    Args:
        n: Problems.
        allocation: How attempts are spread.
        goal: What they are for.
        sample: Brings rows to a number of attempts.
        fit: Fits a prior.
        rewards: Reads graded rewards.

    Returns:
        The evidence of complete waves, the prior fitted to all of it, and the rows that have any.
    """
    state = _AllocationState(np.zeros((4, n), np.int64), np.ones(n, dtype=bool))
    everyone = np.arange(n)
    if not n or not _sample(state, everyone, np.full(n, min(allocation.min_attempts, allocation.max_attempts)), sample):
        nothing = state.evidence(everyone[:0])
        return nothing, fit(nothing, everyone[:0]), everyone[:0]
    rows = np.flatnonzero(state.table[2] > 0)
    prior, fitted_at = fit(state.evidence(rows), rows), state.table[2].sum()
    step = allocation.attempts_per_wave if allocation.kind == "adaptive" else allocation.max_attempts
    while True:
        rows = np.flatnonzero(state.table[2] > 0)
        if state.table[2].sum() > fitted_at * REFIT_FACTOR:
            prior, fitted_at = fit(state.evidence(rows), rows), state.table[2].sum()
        posterior = rewards(state.evidence(rows), prior, rows) if goal.budget else None
        wave = rows[_next_wave(state.evidence(rows), prior, allocation, goal, state.open[rows], posterior)]
        wave = wave[state.open[wave]]
        targets = np.minimum(state.table[2, wave] + step, allocation.max_attempts)
        if not len(wave) or not _sample(state, wave, targets, sample) or allocation.kind == "two_stage":
            return state.evidence(rows), fit(state.evidence(rows), rows), rows


def expected_attempts(n: int, allocation: Allocation, goal: Goal, prior: RatePrior) -> float:
    """Return the attempts per problem that an allocation would make in a pool drawn from a prior, by one simulation.

    Args:
        n: Problems of the pool; at most 500 of them are simulated.
        allocation: How attempts are spread.
        goal: What they are for.
        prior: Of the pool's pass rates.
    """
    size = min(n, SIMULATED_PROBLEMS)
    rng = np.random.default_rng(0)
    rate = prior.sample(size, rng)
    successes = np.cumsum(rng.random((size, allocation.max_attempts)) < rate[:, None], axis=1, dtype=np.int64)

    def sample(rows: Ints, targets: Ints) -> WaveCounts:
        right: Ints = successes[rows, targets - 1]
        return rows, right, targets - right, targets, targets

    error = goal.signal_error * (n / size) ** 0.5  # of fewer problems the prior is known less well
    scaled = replace(goal, budget=max(1, round(goal.budget * size / n)), signal_error=error) if goal.budget else goal
    evidence, _, _ = run_allocation(size, allocation, scaled, sample, lambda evidence, rows: prior)
    return float(evidence.attempts.mean())


def adaptive_wave(evidence: PoolEvidence, prior: RatePrior, allocation: Allocation, goal: Goal) -> Wave:
    """Return the next wave of an adaptive allocation."""
    if not goal.budget:
        return band_wave(
            evidence, prior, low=goal.low, high=goal.high, delta=goal.stop_error, most=allocation.max_attempts
        )
    wave = top_wave(
        evidence,
        prior,
        budget=goal.budget,
        group_size=goal.group_size,
        most=allocation.max_attempts,
        step=allocation.attempts_per_wave,
        share=allocation.wave_fraction,
        gain=goal.stop_gain,
    )
    if len(wave.rows) or not goal.signal_error:
        return wave
    rows = rows_to_confirm(
        evidence,
        prior,
        budget=goal.budget,
        group_size=goal.group_size,
        most=allocation.max_attempts,
        share=allocation.wave_fraction,
        error=goal.signal_error,
    )
    return replace(wave, rows=rows)


@dataclass(slots=True)
class _AllocationState:
    table: Ints  # (4, n): right, wrong, tried, tokens
    open: NDArray[np.bool_]  # (n,), False: a wave of it stayed incomplete

    def evidence(self, rows: Ints) -> PoolEvidence:
        right, wrong, attempts, tokens = self.table[:, rows]
        return PoolEvidence(right, wrong, attempts, tokens)


def _sample(state: _AllocationState, rows: Ints, targets: Ints, sample: SampleWave) -> int:
    """Sample a wave and enter its complete rows; return how many these are."""
    complete, *columns = sample(rows, targets)
    state.open[rows] = False
    state.open[complete] = True
    state.table[:, complete] = np.stack(columns) if len(complete) else np.zeros((4, 0), np.int64)
    return len(complete)


def _next_wave(
    evidence: PoolEvidence,
    prior: RatePrior,
    allocation: Allocation,
    goal: Goal,
    is_open: NDArray[np.bool_],
    posterior: RewardPosterior | None = None,
) -> Ints:
    # Nothing more will come of a row that is not open: it counts as complete, at its tokens per attempt.
    attempts = np.where(is_open, evidence.attempts, allocation.max_attempts)
    tokens = np.where(is_open, evidence.tokens, evidence.tokens * attempts // np.maximum(evidence.attempts, 1))
    frozen = PoolEvidence(evidence.correct, evidence.wrong, attempts, tokens)
    if posterior is not None:
        return _next_graded_wave(frozen, posterior, allocation, goal)
    if allocation.kind == "two_stage" and goal.budget:
        return contenders(
            frozen,
            prior,
            budget=goal.budget,
            group_size=goal.group_size,
            share=allocation.top_up_fraction,
            most=allocation.max_attempts,
        )
    return adaptive_wave(frozen, prior, allocation, goal).rows


def _next_graded_wave(evidence: PoolEvidence, posterior: RewardPosterior, allocation: Allocation, goal: Goal) -> Ints:
    if allocation.kind == "two_stage":
        return graded_contenders(
            evidence,
            posterior,
            budget=goal.budget,
            group_size=goal.group_size,
            share=allocation.top_up_fraction,
            most=allocation.max_attempts,
            kind=goal.signal,
        )
    return graded_wave(
        evidence,
        posterior,
        budget=goal.budget,
        group_size=goal.group_size,
        kind=goal.signal,
        most=allocation.max_attempts,
        step=allocation.attempts_per_wave,
        share=allocation.wave_fraction,
        gain=goal.stop_gain,
    ).rows
