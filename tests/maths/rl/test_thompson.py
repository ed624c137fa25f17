import numpy as np
from scipy import stats

from assay.maths.rl.thompson import chance_near_half, nearest_half


def test_the_chance_of_lying_within_a_distance_is_the_beta_mass():
    a, b = np.array([0.5, 3.0]), np.array([0.5, 9.0])
    assert np.allclose(chance_near_half(0.2, a, b), stats.beta.cdf(0.7, a, b) - stats.beta.cdf(0.3, a, b))
    assert chance_near_half(0.5, a, b).tolist() == [1, 1]
    assert chance_near_half(0.0, a, b).tolist() == [0, 0]


def test_exactly_k_rows_are_taken_ascending_and_all_where_there_are_no_more():
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=500)
    rows, distance = nearest_half(kind, np.array([1.0, 5.0, 50.0]), np.array([1.0, 5.0, 1.0]), 40, rng)
    assert len(rows) == 40
    assert (np.diff(rows) > 0).all()
    assert 0 < distance < 0.5
    assert nearest_half(kind, np.ones(3), np.ones(3), 600, rng)[0].tolist() == list(range(500))


def test_where_the_search_begins_changes_nothing():
    kind = np.arange(1000) % 4
    a, b = np.array([1.0, 2.0, 8.0, 0.5]), np.array([1.0, 9.0, 2.0, 0.5])
    draws = [
        nearest_half(kind, a, b, 25, np.random.default_rng(7), guess=guess)[0].tolist() for guess in (1e-6, 0.05, 0.5)
    ]
    assert draws[0] == draws[1] == draws[2]


def test_kinds_far_from_one_half_are_still_taken_when_there_is_nothing_else():
    rows, _ = nearest_half(np.zeros(10, dtype=int), np.array([900.0]), np.array([0.5]), 3, np.random.default_rng(0))
    assert len(rows) == 3


def test_a_kind_is_drawn_as_often_as_its_draws_are_nearest():
    """Two problems: p ~ U(0, 1) is nearer to one half than p ~ Beta(2, 1) in the share that a quarter of a million draws show."""
    rng = np.random.default_rng(0)
    wins = sum(
        nearest_half(np.array([0, 1]), np.array([1.0, 2.0]), np.array([1.0, 1.0]), 1, rng)[0][0] == 0
        for _ in range(2000)
    )
    naive = np.mean(np.abs(rng.random(250_000) - 0.5) < np.abs(rng.beta(2, 1, 250_000) - 0.5))
    assert abs(wins / 2000 - naive) < 3.3 * np.sqrt(0.25 / 2000)
