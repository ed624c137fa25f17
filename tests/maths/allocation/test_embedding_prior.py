import numpy as np
import pytest

from assay.maths.allocation.embedding_prior import fit_embedding_prior
from assay.maths.beta.zero_inflated_beta import fit_zero_inflated_beta, log_marginal


def pool(n, seed, slope):
    """Problems whose rate follows one direction of their vectors, as far as `slope` says."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rate = 1 / (1 + np.exp(-slope * vectors[:, 0] - rng.normal(size=n)))
    return vectors.astype(np.float32), rate, rng.binomial(8, rate)


def test_vectors_that_tell_of_difficulty_give_each_problem_a_prior_nearer_to_its_rate():
    vectors, rate, right = pool(600, 0, 6.0)
    prior = fit_embedding_prior(right, 8 - right, vectors)
    flat = fit_zero_inflated_beta(right, 8 - right)
    assert np.corrcoef(prior.mean(), rate)[0, 1] > 0.7
    assert log_marginal(prior, right, 8 - right).sum() > log_marginal(flat, right, 8 - right).sum() + 50


def test_vectors_that_say_nothing_give_everybody_nearly_the_same_prior():
    vectors, _, right = pool(600, 1, 0.0)
    prior = fit_embedding_prior(right, 8 - right, vectors)
    assert prior.mean().std() < 0.05
    assert prior.mean().mean() == pytest.approx(float(fit_zero_inflated_beta(right, 8 - right).mean()[0]), abs=0.03)


def test_a_problems_own_outcomes_do_not_move_its_own_prediction():
    vectors, _, right = pool(200, 2, 4.0)
    other = right.copy()
    other[7] = 8 - other[7]
    before, after = (fit_embedding_prior(counts, 8 - counts, vectors).mean() for counts in (right, other))
    moved = np.abs(after - before)
    assert moved[7] < 0.02  # by the calibration alone, which all share
    assert moved[np.arange(200) % 10 != 7].max() > moved[7]


def test_a_handful_of_problems_get_the_fitted_prior():
    vectors, _, right = pool(5, 3, 1.0)
    prior, flat = fit_embedding_prior(right, 8 - right, vectors), fit_zero_inflated_beta(right, 8 - right)
    assert prior.a.tolist() == [flat.a[0]] * 5


def test_vectors_for_other_problems_are_refused():
    with pytest.raises(ValueError, match="3 vectors for 2"):
        fit_embedding_prior([1, 2], [1, 2], np.eye(3, dtype=np.float32))
