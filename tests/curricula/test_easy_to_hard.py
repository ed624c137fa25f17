import pytest

from assay.curricula.easy_to_hard import EasyToHard


def test_the_problem_that_is_solved_most_comes_first(pool_of, rng):
    assert EasyToHard().arrange(pool_of([0.2, 0.9, 0.5]), rng).order == ("p1", "p2", "p0")


def test_equal_means_come_by_id(pool_of, rng):
    assert EasyToHard().arrange(pool_of([0.5, 0.9, 0.5, 0.9]), rng).order == ("p1", "p3", "p0", "p2")


def test_two_passes_walk_the_same_order_twice(pool_of, rng):
    assert EasyToHard(epochs=2).arrange(pool_of([0.2, 0.9]), rng).order == ("p1", "p0", "p1", "p0")


def test_nothing_selected_is_no_phase(pool_of, rng):
    assert EasyToHard().arrange(pool_of([]), rng).phases == ()


def test_a_problem_without_a_mean_is_named(pool_of, rng):
    with pytest.raises(ValueError, match="'p1'"):
        EasyToHard().arrange(pool_of([0.2, float("nan")]), rng)
