import numpy as np
import pytest

from assay.core.types import Pool
from assay.selectors.dart import Dart


def test_weights_are_the_targets_divided_by_their_mean(pool_of, rng):
    selection = Dart(max_answers=8).select(pool_of([8, 4, 0]), 3, rng)  # targets of 1, 4 and 8
    assert selection.weights == pytest.approx((3 / 13, 12 / 13, 24 / 13))
    assert sum(selection.weights) == pytest.approx(3)


def test_harder_problems_are_likelier_in_proportion(pool_of):
    pool = pool_of([6, 0])  # fail rates of 1/4 and 1
    picks = [Dart().select(pool, 1, np.random.default_rng(seed)).ids[0] for seed in range(3000)]
    assert picks.count("p001") / len(picks) == pytest.approx(0.8, abs=0.03)


def test_chance_and_weight_together_give_the_emphasis_once(pool_of):
    pool = pool_of([6, 0] * 20)  # fail rates of 1/4 and 1, targets of 48 and 192
    mass = np.zeros(2)
    for seed in range(400):
        selection = Dart().select(pool, 4, np.random.default_rng(seed))
        for id_, weight in zip(selection.ids, selection.weights, strict=True):
            mass[pool.ids.index(id_) % 2] += weight
    assert mass[1] / mass[0] == pytest.approx(4, rel=0.15)  # 16 when the chance and the weight both carry it


def test_the_uniform_rule_weighs_all_alike(pool_of):
    pool = pool_of([6, 0])
    picks = [Dart(rule="uniform").select(pool, 1, np.random.default_rng(seed)) for seed in range(2000)]
    assert {pick.weights for pick in picks} == {(1.0,)}
    assert sum(pick.ids == ("p001",) for pick in picks) / 2000 == pytest.approx(0.5, abs=0.04)


def test_truncated_attempts_count_as_wrong_and_errors_as_nothing(rng):
    columns = {"correct": [2, 2, 0], "wrong": [2, 2, 0], "truncated": [0, 4, 0]}
    pool = Pool(("a", "b", "c"), {name: np.array(values) for name, values in columns.items()})
    selection = Dart(max_answers=100).select(pool, 3, rng)  # targets of 50 and 75
    assert selection.weights == pytest.approx((0.8, 1.2))
    assert selection.dropped == {"ungraded": ("c",)}
