import numpy as np

from assay.maths.allocation.adaptive_allocation import PoolEvidence
from assay.maths.allocation.graded_allocation import graded_contenders, graded_wave, quick_signal
from assay.maths.beta.reward_posterior import reward_posterior


def pool(*histograms):
    """A posterior and its evidence, without a correct attempt."""
    rows = [[(reward, False, n) for reward, n in histogram.items()] for histogram in histograms]
    n = np.array([sum(histogram.values()) for histogram in histograms])
    return PoolEvidence.of(np.zeros(len(n), int), n), reward_posterior(
        rows, ["s"] * len(n), np.full(len(n), 0.5), n + 0.5
    )


def test_attempts_go_to_those_whose_rewards_are_in_doubt_and_not_to_the_settled():
    mixed, steady = {0.0: 24, 0.9: 24}, {0.9: 48}
    evidence, posterior = pool(mixed, {0.0: 1, 0.9: 1}, {0.9: 2}, steady, steady)
    wave = graded_wave(evidence, posterior, budget=2, group_size=8, kind="sd", share=0.4)
    assert wave.rows.tolist() == [1, 2]


def test_a_pool_that_is_known_is_asked_no_more():
    evidence, posterior = pool({0.0: 32, 0.9: 32}, {0.0: 64}, {0.9: 64})
    assert graded_wave(evidence, posterior, budget=1, group_size=8).rows.tolist() == []


def test_a_problem_at_its_limit_is_never_in_a_wave():
    evidence, posterior = pool({0.0: 4, 0.9: 4}, {0.0: 1, 0.9: 1}, {0.9: 2}, {0.0: 8})
    wave = graded_wave(evidence, posterior, budget=2, group_size=8, most=8, share=1, gain=0.0)
    assert set(wave.rows.tolist()) <= {1, 2}


def test_contenders_are_at_most_their_share_of_the_pool():
    evidence, posterior = pool(*[{0.0: 1, 0.9: 1}, {0.9: 2}] * 5)
    rows = graded_contenders(evidence, posterior, budget=3, group_size=8, share=0.3, most=16, kind="sd")
    assert 1 <= len(rows) <= 3


def test_the_same_evidence_decides_the_same():
    evidence, posterior = pool({0.0: 1, 0.9: 1}, {0.9: 2}, {0.3: 1, 0.6: 1})
    first, second = (graded_wave(evidence, posterior, budget=1, group_size=8, kind="sd") for _ in range(2))
    assert (first.rows.tolist(), first.gain) == (second.rows.tolist(), second.gain)
    assert quick_signal(posterior, 8, "sd").shape == (3,)
