"""Difficulties and abilities: by hand where symmetry tells them, else recovered from simulated respondents."""

import numpy as np
import pytest
from scipy import special, stats

from assay.maths.beta.irt import ability, fit_1pl, fit_2pl


def simulated(m: int, n: int, *, seed: int = 0, spread: float = 1.0):
    rng = np.random.default_rng(seed)
    theta, b = rng.normal(0, 1, m), rng.normal(0, spread, n)
    return (rng.random((m, n)) < special.expit(theta[:, None] - b)).astype(float), theta, b


def test_symmetry_makes_the_middle_zero_and_the_ends_opposite():
    """Respondent 1 solves the first only, respondent 2 the first two: who solves half of a pair, and the pair's ends, mirror each other."""
    fit = fit_1pl([[1, 0, 0], [1, 1, 0]], np.ones((2, 3)))
    assert fit.b[1] == pytest.approx(0, abs=1e-9)
    assert fit.b[0] == pytest.approx(-fit.b[2])
    assert fit.theta[0] == pytest.approx(-fit.theta[1])
    assert fit.b[0] < 0 < fit.theta[1]


def test_the_mode_solves_its_own_equations():
    """At the mode sum_i (k - t p) = -b / spread^2 for each problem and sum_j (k - t p) = theta for each respondent."""
    right, _, _ = simulated(5, 30)
    fit = fit_1pl(right, np.ones_like(right), spread=1.5)
    miss = right - special.expit(fit.theta[:, None] - fit.b)
    assert miss.sum(axis=1) == pytest.approx(fit.theta, abs=1e-7)
    assert -miss.sum(axis=0) == pytest.approx(fit.b / 1.5**2, abs=1e-7)


def test_errors_are_those_of_the_whole_inverse_hessian():
    right, _, _ = simulated(4, 6)
    fit = fit_1pl(right, np.ones_like(right))
    p = special.expit(fit.theta[:, None] - fit.b)
    w = p * (1 - p)
    whole = np.block([[np.diag(w.sum(1) + 1), -w], [-w.T, np.diag(w.sum(0) + 0.25)]])
    assert np.concatenate([fit.theta_se, fit.b_se]) == pytest.approx(np.sqrt(np.diag(np.linalg.inv(whole))))


def test_a_problem_that_all_or_none_solved_is_finite_and_less_sure_than_a_mixed_one():
    right = np.tile([1, 0, 1], (6, 1))
    right[:3, 2] = 0
    fit = fit_1pl(right, np.ones((6, 3)))
    assert -6 < fit.b[0] < -1
    assert 1 < fit.b[1] < 6
    assert fit.b[2] == pytest.approx(0, abs=1e-6)
    assert fit.b_se[0] == pytest.approx(fit.b_se[1])
    assert fit.b_se[0] > fit.b_se[2]


def test_what_nobody_attempted_is_its_prior():
    fit = fit_1pl([[1, 0]], [[1, 0]], spread=3.0)
    assert (fit.b[1], fit.b_se[1]) == pytest.approx((0.0, 3.0))


def test_both_ends_of_the_spread():
    right, trials = [[1, 1, 0]] * 4, np.ones((4, 3))
    assert np.abs(fit_1pl(right, trials, spread=1e-3).b).max() < 1e-4
    assert np.abs(fit_1pl(right, trials, spread=50.0).b).min() > 3


def test_k_of_t_attempts_are_t_single_ones():
    counted = fit_1pl([[3, 1], [2, 0]], [[4, 4], [4, 4]])
    single = fit_1pl(np.array([[3, 1], [2, 0]]) / 4 * 4, np.full((2, 2), 4))
    apart = fit_1pl([[1, 1], [2, 0]], [[1, 4], [4, 4]])
    assert counted.b == pytest.approx(single.b)
    assert counted.b[0] > apart.b[0]  # one of one is a better rate than three of four


@pytest.mark.parametrize("m", [20, 60])
def test_difficulties_of_simulated_respondents_are_recovered(m):
    right, theta, b = simulated(m, 500, spread=1.5)
    fit = fit_1pl(right, np.ones_like(right))
    assert stats.spearmanr(fit.b, b).statistic > (0.95 if m == 60 else 0.9)
    inside = np.abs(fit.b - b) < 1.96 * fit.b_se
    assert 0.92 < inside.mean() < 0.985
    assert np.abs(fit.theta - theta).mean() < 0.3


def test_a_full_matrix_orders_as_pass_rates_do_and_one_with_holes_better():
    """Strong respondents met the hard problems, weak ones the easy: pass rates come out alike, difficulties do not."""
    right, theta, b = simulated(40, 300, seed=3, spread=1.0)
    full = fit_1pl(right, np.ones_like(right))
    assert stats.spearmanr(full.b, -right.mean(axis=0)).statistic > 0.999
    seen = special.expit(2 * theta[:, None] * b) > np.random.default_rng(4).random(
        right.shape
    )  # strong and hard, weak and easy
    holed = fit_1pl(right * seen, seen)
    rate = (right * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    by_irt, by_rate = stats.spearmanr(holed.b, b).statistic, stats.spearmanr(-rate, b).statistic
    assert by_irt > by_rate + 0.1


def test_ability_of_a_model_from_a_probe_set_is_recovered_and_covered():
    rng = np.random.default_rng(5)
    b = rng.normal(0, 1.5, 200)
    hits = 0
    for theta in np.linspace(-1.5, 1.5, 31):
        right = rng.random(200) < special.expit(theta - b)
        estimate, error = ability(right, np.ones(200), b)
        hits += abs(estimate - theta) < 1.96 * error
    assert hits >= 27


def test_ability_is_finite_at_both_ends_and_its_prior_without_attempts():
    assert 0 < ability([1] * 5, [1] * 5, [0.0] * 5)[0] < 3
    assert ability([0] * 5, [1] * 5, [0.0] * 5)[0] == pytest.approx(-ability([1] * 5, [1] * 5, [0.0] * 5)[0])
    assert ability([], [], []) == (0.0, 1.0)


def test_discriminations_are_recovered_from_many_and_refused_from_few():
    rng = np.random.default_rng(6)
    theta, b, a = rng.normal(0, 1, 150), rng.normal(0, 1, 60), np.exp(rng.normal(0, 0.5, 60))
    right = (rng.random((150, 60)) < special.expit(a * (theta[:, None] - b))).astype(float)
    fit = fit_2pl(right, np.ones_like(right))
    assert stats.spearmanr(fit.a, a).statistic > 0.7
    assert stats.spearmanr(fit.b, b).statistic > 0.9
    assert (fit.a > 0).all()
    assert (fit.b_se > 0).all()
    with pytest.raises(ValueError, match="19 respondents are too few for 2PL, which needs 20"):
        fit_2pl(right[:19], np.ones((19, 60)))


def test_wrong_counts_are_refused_with_their_place():
    with pytest.raises(ValueError, match="respondent 0, problem 1: 2 right of 1"):
        fit_1pl([[1, 2]], [[1, 1]])
    with pytest.raises(ValueError, match=r"shapes \(1, 2\) of right and \(1, 1\)"):
        fit_1pl([[1, 0]], [[1]])
    with pytest.raises(ValueError, match="the spread must be above 0, found 0"):
        fit_1pl([[1]], [[1]], spread=0)
