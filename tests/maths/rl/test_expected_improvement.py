import numpy as np
import pytest

from assay.maths.rl.expected_improvement import beta_nodes, fit_drift, run_signal
from assay.maths.rl.group_signal import expected_signal


def test_without_drift_it_is_the_closed_form_and_a_hair_of_drift_changes_a_hair():
    a, b = np.array([0.5, 3.5, 8.5, 200.5]), np.array([8.5, 5.5, 0.5, 100.5])
    assert run_signal(a, b, 8).tolist() == expected_signal(a, b, 8).tolist()
    np.testing.assert_allclose(run_signal(a, b, 8, drift=1e-9), expected_signal(a, b, 8), atol=1e-8)


def test_nodes_stand_for_the_moments_of_a_beta():
    rate, mass = beta_nodes(np.array([0.5, 1.0, 3.5]), np.array([0.5, 1.0, 60.5]), 8)
    np.testing.assert_allclose(mass.sum(axis=1), 1)
    for row, (a, b) in enumerate([(0.5, 0.5), (1, 1), (3.5, 60.5)]):
        for power in (1, 2, 9):
            exact = np.prod([(a + i) / (a + b + i) for i in range(power)])
            assert (mass[row] * rate[row] ** power).sum() == pytest.approx(exact, rel=1e-9)


def test_it_is_the_mean_over_the_run_that_a_million_draws_give():
    rng = np.random.default_rng(0)
    rate, when = rng.beta(2.5, 6.5, 1_000_000), rng.random(1_000_000)
    risen = 1 / (1 + (1 - rate) / rate * np.exp(-2 * when))
    assert float(run_signal(2.5, 6.5, 8, drift=2.0)) == pytest.approx(
        (1 - risen**8 - (1 - risen) ** 8).mean(), abs=1e-3
    )


def test_drift_favours_what_is_hard_now_and_a_negative_one_what_is_easy():
    hard, even = (1.5, 7.5), (4.5, 4.5)
    assert run_signal(*even, 8) > run_signal(*hard, 8)
    assert run_signal(*even, 8, drift=6) < run_signal(*hard, 8, drift=6)
    assert float(run_signal(*hard, 8, drift=2)) == pytest.approx(float(run_signal(*hard[::-1], 8, drift=-2)))


def test_a_drift_that_was_planted_is_found_again():
    rng = np.random.default_rng(1)
    logit, when = rng.normal(size=20_000), rng.random(20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(logit + 1.5 * when)))
    assert fit_drift(logit, when, right) == pytest.approx(1.5, abs=0.1)


def test_nothing_is_learnt_from_no_attempt_or_from_one_outcome():
    assert fit_drift([], [], []) == 0
    assert fit_drift([0.0, 0.0], [0.5, 1.0], [1, 1]) == 0
    with pytest.raises(ValueError, match="nan"):
        run_signal(1, 1, 8, drift=float("nan"))
