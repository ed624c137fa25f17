import numpy as np
import pytest

from assay.maths.beta.reward_posterior import fit_strength, merge_values, reward_posterior
from assay.maths.rl.group_signal import expected_signal
from assay.maths.rl.reward_signal import reward_signal


def wrong(*pairs):
    return [(reward, False, n) for reward, n in pairs]


def test_a_problem_without_attempts_has_its_sources_histogram():
    pool = reward_posterior([wrong((0.0, 4), (0.5, 4)), wrong((0.5, 8)), []], ["s"] * 3, [0.5] * 3, [8.5, 8.5, 0.5])
    shares = pool.shares()[2][~pool.correct[2] & (pool.weights[2] > 0)]
    assert shares == pytest.approx([0.25, 0.75])  # the mean of (1/2, 1/2) and (0, 1)


def test_each_source_has_a_centre_of_its_own():
    pool = reward_posterior([wrong((0.0, 8)), wrong((0.5, 8)), [], []], list("abab"), [0.5] * 4, [8.5] * 4)
    assert float(pool.mean()[2]) < float(pool.mean()[3])


def test_a_class_that_was_never_seen_has_the_reward_of_its_end():
    pool = reward_posterior([wrong((0.2, 8))], ["s"], [0.5], [8.5])
    assert pool.values[0][pool.correct[0] & (pool.weights[0] > 0)] == pytest.approx([1.0])
    pool = reward_posterior([[(3.0, True, 8)]], ["s"], [8.5], [0.5])
    assert pool.values[0][~pool.correct[0] & (pool.weights[0] > 0)] == pytest.approx([0.0])


def test_rewards_of_0_and_1_give_the_betas_signal():
    a, b = np.array([3.5, 0.5]), np.array([5.5, 8.5])
    pool = reward_posterior([[(0.0, False, 5), (1.0, True, 3)], wrong((0.0, 8))], ["s", "s"], a, b)
    assert reward_signal(pool, 8) == pytest.approx(expected_signal(a, b, 8))


def test_many_values_become_16_bins_whose_means_are_kept_and_classes_stay_apart():
    rng = np.random.default_rng(0)
    rewards = sorted(rng.random(1000).tolist())
    histogram = [(reward, reward > 0.9, 1) for reward in rewards]
    merged = merge_values([histogram])
    assert len(set(merged.values())) == 16
    assert all(flag == merged[reward, flag][1] for reward, flag, _ in histogram)
    assert np.mean([merged[r, f][0] for r, f, _ in histogram]) == pytest.approx(np.mean(rewards))
    assert max(abs(merged[r, f][0] - r) for r, f, _ in histogram) < 0.08


def test_problems_that_are_alike_share_strength_and_others_do_not():
    share = np.array([0.5, 0.5])
    assert fit_strength(np.tile([4.0, 4.0], (50, 1)), share) > 10
    assert fit_strength(np.array([[8.0, 0.0], [0.0, 8.0]] * 25), share) < 1


def test_a_pool_of_rewards_below_correct_does_not_tie():
    """Every reward is 0 to .9 and no attempt is correct: by counts all problems are Beta(.5, 8.5), at .06."""
    rng = np.random.default_rng(1)
    pool = [wrong(*((round(0.9 * x, 2), 1) for x in rng.beta(s, s, 8))) for s in (0.3, 50.0) * 20]
    found = reward_posterior(pool, ["s"] * 40, [0.5] * 40, [8.5] * 40)
    signal = reward_signal(found, 8, kind="sd")
    assert signal[::2].min() > signal[1::2].max()  # spread out rewards before steady ones
    assert float(found.mean().std()) > 0.02


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="differ"):
        reward_posterior([[]], [], [1.0], [1.0])
