import numpy as np
import pytest

from assay.selectors.uniform import Uniform


def test_every_problem_is_chosen_about_equally_often(pool_of):
    pool = pool_of([0, 2, 4, 8])
    counts = dict.fromkeys(pool.ids, 0)
    for seed in range(2000):
        for id_ in Uniform().select(pool, 1, np.random.default_rng(seed)).ids:
            counts[id_] += 1
    assert all(400 < count < 600 for count in counts.values())


def test_the_rest_was_not_chosen_and_weights_are_one(pool_of, rng):
    pool = pool_of([0, 2, 4, 8])
    selection = Uniform().select(pool, 3, rng)
    assert selection.weights == (1.0, 1.0, 1.0)
    assert set(selection.dropped) == {"not_chosen"}
    assert sorted([*selection.ids, *selection.dropped["not_chosen"]]) == list(pool.ids)


def test_it_keeps_problems_that_nobody_solved(pool_of, rng):
    assert len(Uniform().select(pool_of([0, 0, 0]), 9, rng).ids) == 3


def test_a_negative_budget_is_named(pool_of, rng):
    with pytest.raises(ValueError, match="-1"):
        Uniform().select(pool_of([1]), -1, rng)
