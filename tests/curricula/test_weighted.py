import numpy as np
import pytest

from assay.core.types import Pool
from assay.curricula.weighted import Weighted
from assay.maths.rl.evaluation import mean_interval

MEANS = [1.0, 0.5, 0.0, 0.5]


def test_weights_begin_at_the_ease_and_end_at_one(pool_of):
    online = Weighted(steps=4).begin(pool_of(MEANS), seed=0)
    weights = []
    for _ in range(6):
        weights.append(online.weights(["p0", "p1", "p2"]).tolist())
        online.observe([])
    assert weights == [[1, 0.5, 0], [1, 0.625, 0.25], [1, 0.75, 0.5], [1, 0.875, 0.75], [1, 1, 1], [1, 1, 1]]


def test_the_anti_curriculum_turns_ease_around(pool_of):
    assert Weighted(anti=True).eases(pool_of(MEANS)).tolist() == [0, 0.5, 1, 0.5]


def test_rank_and_range_differ_where_values_are_uneven(pool_of):
    pool = pool_of([1.0, 0.1, 0.0])
    assert Weighted(ease="rank").eases(pool).tolist() == [1, 0.5, 0]
    assert Weighted(ease="range").eases(pool).tolist() == pytest.approx([1, 0.1, 0])


def test_problems_that_are_all_alike_count_fully(pool_of):
    assert Weighted().eases(pool_of([0.3, 0.3])).tolist() == [1, 1]


def test_weights_lie_between_the_ease_and_one_and_never_fall(pool_of):
    pool = pool_of(np.linspace(0, 1, 11))
    online = Weighted(steps=7).begin(pool, seed=0)
    last = online.weights(pool.ids)
    for _ in range(9):
        online.observe([])
        now = online.weights(pool.ids)
        assert (now >= last).all()
        assert (now <= 1).all()
        last = now


def train_accuracy(rule, seed):
    """Accuracy of a logistic regression after 20 steps on 200 points; 45% of the hard half is mislabelled."""
    rng = np.random.default_rng(seed)
    truth, x = rng.normal(size=10), rng.normal(size=(200, 10))
    hard = rng.random(200) < 0.5
    y = np.where(hard & (rng.random(200) < 0.45), x @ truth <= 0, x @ truth > 0).astype(float)
    pool = Pool(
        tuple(f"p{row:03d}" for row in range(200)),
        {"mean": np.where(hard, rng.uniform(0, 0.2, 200), rng.uniform(0.8, 1, 200))},
    )
    online, coefficients = Weighted(ease="range", steps=20, anti=rule == "anti").begin(pool, seed=0), np.zeros(10)
    for _ in range(20):
        weights = np.ones(200) if rule == "uniform" else online.weights(pool.ids)
        coefficients -= x.T @ (weights * (1 / (1 + np.exp(-x @ coefficients)) - y)) / 200
        online.observe([])
    fresh = rng.normal(size=(2000, 10))
    return float(((fresh @ coefficients > 0) == (fresh @ truth > 0)).mean())


def test_with_noisy_hard_points_the_curriculum_beats_uniform_weights():
    accuracies = {
        rule: np.array([train_accuracy(rule, seed) for seed in range(20)]) for rule in ("curriculum", "uniform", "anti")
    }
    assert mean_interval(accuracies["curriculum"] - accuracies["uniform"], bounds=None)[1] > 0
    assert mean_interval(accuracies["uniform"] - accuracies["anti"], bounds=None)[1] > 0
