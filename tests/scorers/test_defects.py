"""Defects that were read in other projects' scoring, each with the test that ours does not share it."""

import numpy as np
import pytest
from scipy import stats

from assay.core.types import Counts
from assay.maths.rl.pass_at_k import pass_at_k
from assay.scorers.pass_rate import PassRate


class CountStore:
    """Attempts whose counts are known beforehand."""

    def __init__(self, **counts: Counts) -> None:
        self.counts = counts

    def draw(self, wanted):
        return {id_: self.counts.get(id_, Counts()) for id_ in wanted}


def score(counts: Counts, **settings):
    return PassRate(**settings).score(["p"], CountStore(p=counts))


def test_a_timeout_or_a_missing_result_is_no_failure():
    """Reasoning360 counts both as 0.0 and files the problem under Impossible."""
    [timeouts] = score(Counts(correct=2, error=6))
    assert timeouts.value > 0.8
    assert score(Counts()) == []


def test_fewer_attempts_than_k_are_unknown_and_count_for_nothing():
    """lighteval logs a warning and counts the missing ones as failures."""
    assert np.isnan(pass_at_k(0, 3, 4))
    assert np.isnan(pass_at_k(3, 3, 4))


def test_pass_at_k_is_unbiased_where_a_bootstrap_with_replacement_is_low():
    """verl's best@N draws with replacement."""
    correct = np.arange(9)
    chance = stats.binom.pmf(correct, 8, 0.2)
    truth, bootstrap = 1 - 0.8**4, 1 - (1 - correct / 8) ** 4
    assert float((chance * pass_at_k(correct, 8, 4)).sum()) == pytest.approx(truth)
    assert float((chance * bootstrap).sum()) < truth - 0.03


def test_all_evidence_counts_and_uncertainty_is_reported():
    """prime-rl's difficulty pool is the mean of the latest group alone."""
    few, many = score(Counts(4, 4))[0], score(Counts(32, 32))[0]
    assert few.value == many.value == 0.5
    assert few.high - few.low > 2 * (many.high - many.low)


def test_more_is_easier_and_counts_are_of_what_their_names_say():
    """A re-hosted POLARIS reads a column k/8 of right answers as difficulty."""
    hard, easy = score(Counts(0, 8))[0], score(Counts(7, 1))[0]
    assert hard.value < easy.value
    assert (easy.counts.correct, easy.counts.wrong) == (7, 1)


def test_cut_attempts_are_kept_apart_whatever_the_rule_makes_of_them():
    """open-r1 and open-instruct drop the finish reason."""
    for rule in ("masked", "wrong"):
        [truncated] = score(Counts(correct=1, wrong=1, truncated=6), truncated=rule)
        assert truncated.counts.truncated == 6


@pytest.mark.parametrize("lengths", ["alike", "wrong ones run longer"])
def test_complete_waves_are_unbiased_and_taking_what_arrived_first_is_not(lengths):
    """Stopping a batch at a deadline keeps short answers, which are more often right."""
    rng = np.random.default_rng(0)
    won = rng.random((4000, 16)) < 0.5
    took = rng.gamma(4.0, 1.0, won.shape) * np.where(won, 1.0, 1.0 if lengths == "alike" else 3.0)
    early = np.argsort(took, axis=1)[:, :8]
    first, arrived = won[:, :8].mean(), np.take_along_axis(won, early, 1).mean()
    assert first == pytest.approx(0.5, abs=0.01)
    assert (arrived > 0.6) == (lengths != "alike")
