from assay.core.types import Counts, GroupResult
from assay.curricula.retire import Retire


def group(id_, right):
    return GroupResult(id_, Counts(right, 10 - right))


def test_a_problem_solved_nine_times_of_ten_does_not_come_again(pool_of):
    state = Retire(retest_steps=0).begin(pool_of([0.5] * 3), seed=0)
    state.observe([group("p0", 9), group("p1", 8)])
    later = [id_ for _ in range(20) for id_ in state.sample(1)]
    assert set(later) == {"p1", "p2"}


def test_a_retired_problem_is_tested_again_after_so_many_steps(pool_of):
    state = Retire(retest_steps=5).begin(pool_of([0.5] * 2), seed=0)
    state.observe([group("p0", 10)])
    for _ in range(4):
        assert set(state.sample(4)) == {"p1"}
        state.observe([group("p1", 5)])
    state.observe([group("p1", 5)])
    assert "p0" in state.sample(4)
    state.observe([group("p0", 3)])
    assert state.retired.tolist() == [-1, -1]


def test_where_every_problem_is_retired_the_longest_retired_come_first(pool_of):
    state = Retire(retest_steps=0).begin(pool_of([0.5] * 2), seed=0)
    state.observe([group("p1", 10)])
    state.observe([group("p0", 10)])
    assert state.sample(3) == ("p1", "p0", "p1")


def test_a_group_that_could_not_be_judged_retires_nothing(pool_of):
    state = Retire().begin(pool_of([0.5]), seed=0)
    state.observe([GroupResult("p0", Counts(error=8))])
    assert state.retired.tolist() == [-1]
