import numpy as np
import pytest

from assay.maths.allocation.response_targets import response_targets
from assay.maths.allocation.trial_forecast import trials_at_rate, trials_by_posterior

FAIL = np.array([0, 0.01, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99])


def test_the_papers_raw_samples_by_fail_rate():
    targets = response_targets(FAIL, rule="prop2diff", most=192)
    raw = trials_at_rate(1 - FAIL, targets, 10**6).trials
    assert raw.round(1).tolist() == [1.0, 2.0, 22.2, 64.0, 192.0, 576.0, 1730.0, 19_100.0]
    kept = trials_at_rate(1 - FAIL, 10**6, 52).right  # vanilla: no target is ever reached
    assert kept.round(1).tolist() == [52.0, 51.5, 46.8, 39.0, 26.0, 13.0, 5.2, 0.5]


@pytest.mark.parametrize(("rate", "target", "cap"), [(0.3, 4, 10), (0.05, 1, 20), (0.7, 3, 3), (0.9, 5, 50)])
def test_both_expectations_agree_with_counting_every_outcome(rate, target, cap):
    trials = right = 0.0
    states = {(0, 0): 1.0}  # (trials, right) -> probability
    while states:
        following: dict[tuple[int, int], float] = {}
        for (made, good), weight in states.items():
            if good == target or made == cap:
                trials, right = trials + weight * made, right + weight * good
                continue
            for step, chance in ((1, rate), (0, 1 - rate)):
                key = made + 1, good + step
                following[key] = following.get(key, 0.0) + weight * chance
        states = following
    forecast = trials_at_rate(rate, target, cap)
    assert float(forecast.trials) == pytest.approx(trials)
    assert float(forecast.right) == pytest.approx(right)


def test_both_ends():
    never = trials_at_rate([0.0, 1.0, 0.5, 1.0], [3, 3, 0, 9], [20, 20, 20, 4])
    assert never.trials.tolist() == [20, 3, 0, 4]
    assert never.right.tolist() == [0, 3, 0, 4]


def test_a_posterior_is_averaged_over_its_rates():
    rng = np.random.default_rng(1)
    rates = rng.beta(2.5, 6.5, 200_000)
    drawn = trials_at_rate(rates, 5, 64)
    forecast = trials_by_posterior([2, 2], [6, 6], 5, 64)
    assert forecast.trials.shape == (2,)
    assert forecast.trials[0] == pytest.approx(drawn.trials.mean(), rel=0.01)
    assert forecast.right[0] == pytest.approx(drawn.right.mean(), rel=0.01)
