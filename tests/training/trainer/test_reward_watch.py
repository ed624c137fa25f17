import numpy as np

from assay.training.trainer.reward_watch import reward_warning


def test_a_reward_that_rises_without_correctness_is_a_warning_with_the_numbers():
    rng = np.random.default_rng(0)
    correct = 0.3 + rng.normal(0, 0.05, 60)
    reward = correct + np.linspace(0, 0.4, 60)
    warning = reward_warning(reward.tolist(), correct.tolist())
    assert "while the share of correct rollouts" in warning
    assert "over 60 steps" in warning


def test_a_reward_that_rises_with_correctness_is_none():
    rng = np.random.default_rng(1)
    correct = np.linspace(0.2, 0.6, 60) + rng.normal(0, 0.05, 60)
    assert reward_warning((correct + 0.1).tolist(), correct.tolist()) == ""


def test_a_reward_that_stands_still_is_none_in_all_but_few_runs():
    rng = np.random.default_rng(2)
    warned = 0
    for _ in range(200):
        correct = rng.normal(0.3, 0.05, 40)
        warned += bool(reward_warning((correct + rng.normal(0, 0.02, 40)).tolist(), correct.tolist()))
    assert warned <= 2


def test_it_is_asked_once_a_window_and_steps_that_were_not_judged_do_not_count():
    rising = np.linspace(0, 1, 41).tolist()
    flat = [0.5, 0.5] * 20 + [0.5]
    assert reward_warning(rising[:40], flat[:40])
    assert reward_warning(rising, flat) == ""
    assert reward_warning([float("nan"), *rising[:40]], [float("nan"), *flat[:40]])
    assert reward_warning([], []) == ""
