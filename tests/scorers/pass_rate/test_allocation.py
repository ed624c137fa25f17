"""What allocations claim: bars on value, errors and coverage, on small pools with fixed seeds."""

import os
from functools import cache

import numpy as np
import pytest

from assay.maths.beta.zero_inflated_beta import fit_zero_inflated_beta
from assay.maths.rl.group_signal import group_signal
from assay.scorers.pass_rate.allocation import Allocation, Goal, expected_attempts, run_allocation

POOLS = 4 if os.environ.get("ASSAY_SOAK", "") == "1" else 2


def rates(n, seed):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.065, 0.0, rng.beta(0.82, 0.39, n)), rng


class Pool:
    """64 attempts at each problem, drawn beforehand; a wrong answer is five times as long as a right one."""

    def __init__(self, n, seed, broken=()):
        self.rate, rng = rates(n, seed)
        self.won = rng.random((n, 64)) < self.rate[:, None]
        self.broken = set(broken)  # rows whose second wave never comes whole
        self.waves = []

    def sample(self, rows, wanted):
        self.waves.append((rows.tolist(), wanted.tolist()))
        whole = np.array(
            [row for row, n in zip(rows, wanted, strict=True) if row not in self.broken or n <= 4], dtype=np.int64
        )
        tried = np.array([n for row, n in zip(rows, wanted, strict=True) if row in set(whole.tolist())], dtype=np.int64)
        right = np.array([self.won[row, :n].sum() for row, n in zip(whole, tried, strict=True)], dtype=np.int64)
        return whole, right, tried - right, tried, right + 5 * (tried - right)


def fit(seen, rows):
    return fit_zero_inflated_beta(seen.correct, seen.wrong)


def allocate(pool, goal=None, **settings):
    return run_allocation(len(pool.rate), Allocation(**settings), goal or Goal(40, 8), pool.sample, fit)


def test_everybody_gets_the_first_attempts_and_nobody_more_than_the_most():
    pool = Pool(200, 0)
    seen, _, rows = allocate(pool, max_attempts=16)
    assert rows.tolist() == list(range(200))
    assert 2 <= seen.attempts.min() < seen.attempts.max() == 16
    assert pool.waves[0] == (list(range(200)), [2] * 200)


@pytest.mark.soak
def test_adaptive_selects_nearly_what_64_attempts_each_select_for_a_fifth_of_them():
    ratios, shares = [], []
    for seed in range(POOLS):
        pool = Pool(400, seed)
        seen, prior, _ = allocate(pool, wave_fraction=1 / 8)
        value, whole = group_signal(pool.rate, 8), pool.won.sum(axis=1)
        mine = np.argsort(-prior.posterior(seen.correct, seen.wrong).signal(8), kind="stable")[:40]
        full = np.argsort(
            -fit_zero_inflated_beta(whole, 64 - whole).posterior(whole, 64 - whole).signal(8), kind="stable"
        )[:40]
        ratios.append(value[mine].sum() / value[full].sum())
        shares.append(seen.attempts.mean() / 64)
    assert np.mean(ratios) > 0.985
    assert max(shares) < 0.2


def test_decisions_are_a_function_of_complete_waves_so_a_second_run_decides_the_same():
    first, second = Pool(120, 3), Pool(120, 3)
    allocate(first, wave_fraction=1 / 4)
    allocate(second, wave_fraction=1 / 4)
    assert first.waves == second.waves


def test_a_problem_whose_wave_stays_incomplete_keeps_what_it_had_and_is_asked_no_more():
    pool = Pool(120, 4)
    waves = pool.waves
    allocate(pool, min_attempts=4, attempts_per_wave=4)
    target = waves[1][0][0]
    broken = Pool(120, 4, broken=[target])
    seen, _, rows = allocate(broken, min_attempts=4, attempts_per_wave=4)
    assert seen.attempts[rows == target].tolist() == [4]
    assert sum(target in wave for wave, _ in broken.waves) == 2


def test_where_nothing_comes_nothing_is_known():
    seen, _, rows = run_allocation(5, Allocation(), Goal(2, 8), lambda rows, wanted: (np.empty(0, np.int64),) * 5, fit)
    assert len(rows) == len(seen.attempts) == 0


def test_two_stages_are_two_waves_the_second_to_the_most():
    pool = Pool(120, 5)
    seen, _, _ = allocate(pool, kind="two_stage", min_attempts=4, top_up_fraction=0.1, max_attempts=32)
    assert len(pool.waves) == 2
    assert sorted(set(seen.attempts.tolist())) == [4, 32]
    assert (seen.attempts == 32).sum() <= 12


@pytest.mark.soak
def test_a_band_is_decided_about_as_well_as_by_64_attempts_each():
    extra, shares = [], []
    for seed in range(POOLS):
        pool = Pool(500, seed)
        truth, whole = (pool.rate >= 0.2) & (pool.rate <= 0.8), pool.won.sum(axis=1)
        seen, prior, _ = allocate(pool, Goal(0, 8))
        mine = (prior.posterior(seen.correct, seen.wrong).inside(0.2, 0.8) > 0.5) != truth
        full = (fit_zero_inflated_beta(whole, 64 - whole).posterior(whole, 64 - whole).inside(0.2, 0.8) > 0.5) != truth
        extra.append(mine.mean() - full.mean())
        shares.append(seen.attempts.mean() / 64)
    assert np.mean(extra) < 0.01
    assert max(shares) < 0.55


@cache
def stopped_pool(seed):
    """A pool of 500, its attempts where they were stopped, and the prior that was fitted to them."""
    pool = Pool(500, seed)
    seen, prior, _ = allocate(pool, wave_fraction=1 / 6)
    return pool, seen, prior


@pytest.mark.parametrize("stopped", [False, True])
def test_intervals_cover_95_percent_of_pools_that_were_attempted_fixed_or_stopped(
    stopped,
):
    covered = []
    for seed in range(4):
        pool = Pool(500, seed)
        if stopped:
            pool, seen, prior = stopped_pool(seed)
            right, wrong = seen.correct, seen.wrong
        else:
            right = pool.won[:, :8].sum(axis=1)
            wrong, prior = 8 - right, fit_zero_inflated_beta(right, 8 - right)
        low, high = prior.posterior(right, wrong).interval(right, wrong)
        covered.append(((low <= pool.rate) & (pool.rate <= high)).mean())
    assert 0.94 <= np.mean(covered) <= 0.98


def test_the_posterior_mean_of_a_stopped_pool_is_unbiased_and_c_over_n_is_not():
    gap = []
    for seed in range(4):
        pool, seen, prior = stopped_pool(seed)
        gap.append(prior.posterior(seen.correct, seen.wrong).mean().mean() - pool.rate.mean())
    assert abs(np.mean(gap)) < 0.01


def test_a_forecast_is_near_what_such_a_pool_takes():
    pool = Pool(300, 7)
    seen, prior, _ = allocate(pool, Goal(30, 8), wave_fraction=1 / 6)
    expected = expected_attempts(300, Allocation(wave_fraction=1 / 6), Goal(30, 8), prior)
    assert expected == pytest.approx(seen.attempts.mean(), rel=0.35)
