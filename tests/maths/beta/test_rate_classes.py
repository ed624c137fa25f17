"""Draws of rates and of their prior, against the exact posterior and against pools whose rates are known."""

import numpy as np
import pytest
from scipy import special

from assay.maths.beta.rate_classes import NEVER, SHARES, RateChain
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta


def draws_of(correct, wrong, length=None, n=150, sweeps=4):
    chain = RateChain(correct, wrong, np.ones(len(correct)) if length is None else length, 0)
    chain.draw(60)
    return [chain.draw(sweeps) for _ in range(n)]


def test_the_chain_has_the_distribution_that_summing_over_all_states_gives(monkeypatch):
    """Three problems, so that every assignment to classes can be summed: the chance that the unsolved one is dead."""
    correct, wrong = np.array([0, 2, 1]), np.array([4, 2, 3])
    chain = RateChain(correct, wrong, np.ones(3), 1)
    log_beta = [
        special.logsumexp(chain.log_prior + chain.log_counts[:, chain.place[rows]].sum(1))
        for rows in ([1, 2], [0, 1, 2])
    ]
    log_shares = [special.gammaln(SHARES[0] + dead) + special.gammaln(SHARES[1] + 3 - dead) for dead in (1, 0)]
    dead, living = np.exp(np.array(log_beta) + log_shares - max(log_beta))
    expected = dead / (dead + living)
    monkeypatch.setattr(chain, "_log_lengths", lambda: np.zeros((3, 3)))
    seen = np.mean([chain.draw(1).kind[0] == NEVER for _ in range(1200)])
    assert seen == pytest.approx(expected, abs=0.06)  # four standard errors


def test_a_solved_problem_is_never_dead_and_a_failed_one_never_always_solved():
    for draw in draws_of([0, 4, 2, 0], [4, 0, 2, 0], n=40):
        assert draw.rate[1] > 0
        assert draw.rate[0] < 1
        assert 0 < draw.rate[2] < 1


@pytest.mark.parametrize("seed", range(3))
def test_the_true_share_of_dead_problems_lies_among_the_draws(seed):
    """From 4 attempts a fit to the highest likelihood says .0 to .1 where half of the pool is dead."""
    rng = np.random.default_rng(seed)
    correct = rng.binomial(4, np.where(rng.random(150) < 0.5, 0.0, rng.beta(2, 6, 150)))
    zero = [float(draw.prior.zero[0]) for draw in draws_of(correct, 4 - correct)]
    low, high = np.quantile(zero, [0.05, 0.95])
    assert low < 0.5 < high
    assert high - low > 0.1


def test_new_problems_come_from_the_drawn_prior():
    draw = draws_of([0] * 30 + [2] * 30, [4] * 30 + [2] * 30, n=1)[0]
    kind, rate = draw.new_problems(4000, np.random.default_rng(0))
    assert np.mean(kind == NEVER) == pytest.approx(float(draw.prior.zero[0]), abs=0.03)
    assert (rate[kind == NEVER] == 0).all()
    between = ZeroInflatedBeta.of(draw.prior.a, draw.prior.b).mean()[0]
    assert rate[kind == 1].mean() == pytest.approx(between, abs=0.03)
