import numpy as np
import pytest

from assay.curricula.weighted import Weighted

MEANS = [1.0, 0.5, 0.0, 0.5]


def test_weights_begin_at_the_ease_and_end_at_one(pool_of):
    course = Weighted(steps=4).begin(pool_of(MEANS), seed=0)
    told = []
    for _ in range(6):
        told.append(course.weights(["p0", "p1", "p2"]).tolist())
        course.observe([])
    assert told == [[1, 0.5, 0], [1, 0.625, 0.25], [1, 0.75, 0.5], [1, 0.875, 0.75], [1, 1, 1], [1, 1, 1]]


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
    course = Weighted(steps=7).begin(pool, seed=0)
    last = course.weights(pool.ids)
    for _ in range(9):
        course.observe([])
        now = course.weights(pool.ids)
        assert (now >= last).all()
        assert (now <= 1).all()
        last = now
