"""Entropy from samples, and the temperature at which it is as wanted."""

import numpy as np
import pytest
from scipy import special

from assay.maths.rl.temperature import entropy, isotonic_fit, temperature_of_entropy

LOGITS = np.array([3.0, 1.0, 0.0, -1.0, -2.0])


def exact(temperature: float) -> float:
    return float(-(special.softmax(LOGITS / temperature) * special.log_softmax(LOGITS / temperature)).sum())


def test_sampled_surprise_is_the_entropy():
    rng = np.random.default_rng(0)
    log_p = special.log_softmax(LOGITS / 0.8)
    drawn = rng.choice(5, 20_000, p=np.exp(log_p))
    assert entropy([log_p[drawn].tolist()]) == pytest.approx(exact(0.8), abs=0.02)


def test_log_probabilities_of_another_temperature_are_not_the_entropy():
    """What vLLM gives by default: tokens drawn at .5, log-probabilities before the temperature."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(5, 20_000, p=special.softmax(LOGITS / 0.5))
    assert abs(entropy([special.log_softmax(LOGITS)[drawn].tolist()]) - exact(0.5)) > 0.1


def test_the_crossing_lies_where_the_exact_entropy_is_as_wanted():
    heats = [0.2, 0.4, 0.6, 0.8, 1.0]
    value, low, high, outside = temperature_of_entropy(heats, [exact(heat) for heat in heats], 0.3)
    assert (low, high, outside) == (0.6, 0.8, False)
    assert exact(value) == pytest.approx(0.3, abs=0.02)


def test_outside_of_what_was_measured_it_is_the_nearest_end():
    assert temperature_of_entropy([0.5, 1.0], [0.4, 0.8], 0.3) == (0.5, 0.0, 0.5, True)
    assert temperature_of_entropy([0.5, 1.0], [0.1, 0.2], 0.3) == (1.0, 1.0, 1.0, True)
    assert temperature_of_entropy([0.5], [0.3], 0.3) == (0.5, 0.5, 0.5, False)


def test_a_dip_by_chance_is_evened_out():
    assert isotonic_fit([0.1, 0.5, 0.3, 0.6]) == [0.1, 0.4, 0.4, 0.6]
    assert temperature_of_entropy([0.4, 0.6, 0.8, 1.0], [0.1, 0.5, 0.3, 0.6], 0.25)[0] == pytest.approx(0.5)


def test_what_does_not_line_up_is_refused():
    with pytest.raises(ValueError, match="no token"):
        entropy([()])
    with pytest.raises(ValueError, match=r"1 entropies for temperatures \[0.5, 1.0\]"):
        temperature_of_entropy([0.5, 1.0], [0.1], 0.3)
    with pytest.raises(ValueError, match="must ascend"):
        temperature_of_entropy([1.0, 0.5], [0.1, 0.2], 0.3)
