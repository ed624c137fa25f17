"""Attempts until enough problems are found in which right and wrong answers stand beside each other, and no further."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.maths.allocation.adaptive_allocation import PoolEvidence
from assay.maths.beta.two_betas import RatePrior
from assay.scorers.pass_rate.allocation import REFIT_FACTOR, SIMULATED_PROBLEMS, FitPrior, Ints, SampleWave, WaveCounts

FIRST_ROWS = 32  # of the first wave at least: what it tells is the first prior
SHORT = 0.7  # of what is missing is what a wave should bring, so that the last ones do not bring too much
TIE = 12  # digits to which two chances are equal; equal ones come by row


@dataclass(frozen=True, slots=True)
class EnoughRule:
    """When to stop, and what may be paid on the way."""

    budget: int  # problems that are to be found
    first: int = 2  # attempts at a problem when it is read
    step: int = 2  # attempts at a problem that is tried again
    most: int = 64  # attempts that one problem may get
    share: float = 1 / 16  # fraction of the pool in one wave, at most

    @property
    def last(self) -> int:
        """The attempts after which a problem that is still all right or all wrong is given up: it is tried twice."""
        return min(self.first + self.step, self.most)


def run_enough(n: int, rule: EnoughRule, sample: SampleWave, fit: FitPrior) -> tuple[PoolEvidence, Ints]:
    """Attempt problems wave by wave until `budget` of them are mixed, or every other one was tried twice.

    A wave holds the problems whose next attempts are most likely per attempt to show both kinds of answers, by the
    prior that the pool has shown so far: mostly ones not read yet, in their order, and hopeless ones again only where
    reading on promises less. It is as large as should bring most of what is missing. A row whose wave stays incomplete
    is tried no more. Decisions are functions of complete waves alone.

    Args:
        n: Problems.
        rule: When to stop.
        sample: Brings rows to a number of attempts.
        fit: Fits a prior.

    Returns:
        The evidence of all rows that were attempted, and these rows, ascending.
    """
    table, is_open = np.zeros((4, n), np.int64), np.ones(n, dtype=bool)  # right, wrong, tried, tokens
    prior: RatePrior | None = None
    fitted_at = 0
    while n:
        missing = rule.budget - int(((table[0] > 0) & (table[1] > 0)).sum())
        if missing <= 0:
            break
        rows = np.flatnonzero(table[2] > 0)
        if len(rows) and (prior is None or table[2].sum() > fitted_at * REFIT_FACTOR):
            prior, fitted_at = fit(PoolEvidence(*table[:, rows]), rows), int(table[2].sum())
        wave, targets = _next_wave(table, is_open, prior, rule, missing)
        if not len(wave):
            break
        complete, *columns = sample(wave, targets)
        is_open[wave] = False
        is_open[complete] = True
        table[:, complete] = np.stack(columns) if len(complete) else np.zeros((4, 0), np.int64)
        if not len(complete):
            break
    rows = np.flatnonzero(table[2] > 0)
    return PoolEvidence(*table[:, rows]), rows


def _next_wave(
    table: Ints, is_open: NDArray[np.bool_], prior: RatePrior | None, rule: EnoughRule, missing: int
) -> tuple[Ints, Ints]:
    """Return the rows of the next wave, ascending, and the attempts that each shall have in all."""
    n = table.shape[1]
    size = max(FIRST_ROWS, math.ceil(rule.share * n))
    right, wrong, attempts, _ = table
    open_rows = np.flatnonzero(is_open & ~((right > 0) & (wrong > 0)) & (attempts < rule.last))
    more = np.where(attempts == 0, rule.first, rule.step)
    if prior is None:
        wave = open_rows[: min(size, FIRST_ROWS)]
        return wave, np.minimum(attempts[wave] + more[wave], rule.last)
    chance = mixed_chance(prior, right[open_rows], wrong[open_rows], more[open_rows], rule)
    order = np.argsort(-np.round(chance / more[open_rows], TIE), kind="stable")
    enough = int(np.searchsorted(np.cumsum(chance[order]), SHORT * missing)) + 1
    wave = np.sort(open_rows[order[: min(enough, size)]])
    return wave, np.minimum(attempts[wave] + more[wave], rule.last)


def mixed_chance(prior: RatePrior, right: Ints, wrong: Ints, more: Ints, rule: EnoughRule) -> NDArray[np.float64]:
    """Return the chance that a problem without both kinds of answers has them after `more` further attempts, (m,)."""
    chance = np.zeros(len(right))
    for k in {rule.first, rule.step}:
        own = np.flatnonzero(more == k)
        if len(own):
            belief = prior.select(own).posterior(right[own], wrong[own])
            stays_wrong = np.where(right[own] == 0, belief.none_right(k), 0.0)
            stays_right = np.where(wrong[own] == 0, belief.all_right(k), 0.0)
            chance[own] = np.clip(1 - stays_wrong - stays_right, 0.0, 1.0)
    return chance


def expected_enough(n: int, rule: EnoughRule, prior: RatePrior) -> float:
    """Return the attempts per problem that the rule would make in a pool drawn from a prior, by one simulation."""
    size = min(n, SIMULATED_PROBLEMS)
    rng = np.random.default_rng(0)
    successes = np.cumsum(rng.random((size, rule.last)) < prior.sample(size, rng)[:, None], axis=1, dtype=np.int64)

    def sample(rows: Ints, targets: Ints) -> WaveCounts:
        right: Ints = successes[rows, targets - 1]
        return rows, right, targets - right, targets, targets

    scaled = EnoughRule(max(1, round(rule.budget * size / n)), rule.first, rule.step, rule.most, rule.share)
    evidence, _ = run_enough(size, scaled, sample, lambda evidence, rows: prior)
    return float(evidence.attempts.sum()) / size
