"""Scoring that stops when enough mixed problems are found."""

import numpy as np
import pytest

from assay.core.types import AttemptStats, Counts
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta, fit_zero_inflated_beta
from assay.scorers.pass_rate import PassRate
from assay.scorers.pass_rate.enough import EnoughRule, expected_enough, mixed_chance, run_enough


class Pool:
    """64 attempts at each problem, drawn beforehand."""

    def __init__(self, rate, seed=0, broken=()):
        self.won = np.random.default_rng(seed).random((len(rate), 64)) < np.asarray(rate)[:, None]
        self.broken, self.waves = set(broken), []

    def sample(self, rows, wanted):
        self.waves.append((rows.tolist(), wanted.tolist()))
        whole = np.array([row for row in rows if row not in self.broken], dtype=np.int64)
        tried = np.array([n for row, n in zip(rows, wanted, strict=True) if row not in self.broken], dtype=np.int64)
        right = np.array([self.won[row, :n].sum() for row, n in zip(whole, tried, strict=True)], dtype=np.int64)
        return whole, right, tried - right, tried, tried


def fit(evidence, rows):
    return fit_zero_inflated_beta(evidence.correct, evidence.wrong)


def mixed(evidence):
    return int(((evidence.correct > 0) & (evidence.wrong > 0)).sum())


def test_it_stops_when_enough_are_found_and_leaves_the_rest_of_the_pool_unread():
    pool = Pool(np.full(2000, 0.5))
    evidence, rows = run_enough(2000, EnoughRule(50), pool.sample, fit)
    assert 50 <= mixed(evidence) <= 60
    assert len(rows) < 150
    assert rows.tolist() == list(range(len(rows)))


def test_hopeless_problems_are_tried_once_while_there_are_unread_ones():
    """One in ten is alive at .3: some 4 in 100 are found with two attempts, and no other is tried again before the pool is read."""
    pool = Pool(np.where(np.arange(3000) % 10 == 0, 0.3, 0.0))
    evidence, rows = run_enough(3000, EnoughRule(40), pool.sample, fit)
    assert mixed(evidence) >= 40
    assert np.mean(evidence.attempts == 2) > 0.9
    assert len(rows) < 1600


def test_a_hopeless_pool_is_tried_twice_and_then_given_up():
    pool = Pool(np.full(20, 0.0))
    evidence, _ = run_enough(20, EnoughRule(5), pool.sample, fit)
    assert evidence.attempts.tolist() == [4] * 20
    assert mixed(evidence) == 0


def test_a_row_whose_wave_stays_incomplete_is_tried_no_more():
    pool = Pool(np.full(100, 0.5), broken=(0, 3))
    _, rows = run_enough(100, EnoughRule(90), pool.sample, fit)
    assert not {0, 3} & set(rows.tolist())
    assert sum(0 in wave for wave, _ in pool.waves) == 1


def test_the_chance_to_become_mixed_is_that_of_the_prior():
    """Uniform: two attempts are mixed 1/3 of the time; after two wrong ones, Beta(1, 3), two more hold a right one 2/5."""
    even = ZeroInflatedBeta.of(1.0, 1.0)
    chances = mixed_chance(even, np.array([0, 0, 2]), np.array([0, 2, 0]), np.array([2, 2, 2]), EnoughRule(1))
    assert chances == pytest.approx([1 / 3, 2 / 5, 2 / 5])


def test_decisions_are_the_same_when_it_begins_again_over_the_same_attempts():
    first, second = Pool(np.linspace(0, 1, 500)), Pool(np.linspace(0, 1, 500))
    run_enough(500, EnoughRule(60), first.sample, fit)
    run_enough(500, EnoughRule(60), second.sample, fit)
    assert first.waves == second.waves


def test_the_expected_attempts_are_those_of_a_run():
    """A quarter of the pool is alive at .4: what a simulation from the prior expects, a run pays."""
    rate, paid = np.where(np.arange(500) % 4 == 0, 0.4, 0.0), []
    for seed in range(4):
        evidence, _ = run_enough(500, EnoughRule(40), Pool(rate, seed).sample, fit)
        paid.append(evidence.attempts.sum() / 500)
    prior = ZeroInflatedBeta.of(40.0, 60.0, zero=0.75)
    assert expected_enough(500, EnoughRule(40), prior) == pytest.approx(np.mean(paid), rel=0.3)  # one simulation


class Provider:
    """Attempts of a policy that solves every tenth problem a third of the time."""

    def __init__(self):
        self.asked = {}

    def draw_first(self, n_attempts, *, at_length=None):
        found = {}
        for id_, n in n_attempts.items():
            won = np.random.default_rng(int(id_[1:])).random(64) < (0.33 if int(id_[1:]) % 10 == 0 else 0.0)
            right = int(won[:n].sum())
            self.asked[id_] = n
            found[id_] = AttemptStats(Counts(right, n - right), 10 * n)
        return found


def test_what_was_not_read_has_the_score_of_the_fitted_prior_and_no_attempt():
    ids, provider = [f"p{n:05}" for n in range(1500)], Provider()
    scores = PassRate(allocation="enough", prior="fitted", budget=15, group_size=8).score(ids, provider)
    assert [score.problem_id for score in scores] == ids
    read = {score.problem_id for score in scores if score.counts.total}
    assert read == set(provider.asked)
    assert len(read) < 1500
    rest = [score for score in scores if not score.counts.total]
    assert len({(score.value, score.beta_a, score.beta_b) for score in rest}) == 1
    assert 0 < rest[0].value < 0.15  # the pool's rate is .033


def test_under_a_fixed_prior_what_was_not_read_has_no_score():
    ids = [f"p{n:05}" for n in range(1500)]
    scores = PassRate(allocation="enough", prior="jeffreys", budget=15, group_size=8).score(ids, Provider())
    assert all(score.counts.total for score in scores)
    assert len(scores) < 1500


def test_a_band_or_a_predicted_prior_is_refused():
    for settings in ({"goal": "band"}, {"prior": "predicted"}):
        with pytest.raises(ValueError, match="needs goal"):
            PassRate(allocation="enough", **settings)
