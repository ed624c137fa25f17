from hypothesis import given
from hypothesis import strategies as st

from assay.training.trainer.sampler import GroupSampler, Slot

ROWS = {"a": 0, "b": 1, "c": 2}


def test_each_problem_comes_group_size_times_in_the_given_order() -> None:
    assert list(GroupSampler("cab", ROWS, steps=3, groups=1, group_size=2)) == [2, 2, 0, 0, 1, 1]


def test_a_steps_rows_come_once_for_each_micro_batch() -> None:
    assert list(GroupSampler("ab", ROWS, steps=2, groups=1, group_size=2, repeats=2)) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_the_order_wraps_around_inside_a_step() -> None:
    order = GroupSampler("abc", ROWS, steps=2, groups=2, group_size=1)
    assert [order.problems(step) for step in (0, 1)] == [("a", "b"), ("c", "a")]


def test_what_lies_beyond_the_last_step_is_never_met() -> None:
    assert list(GroupSampler("abc", {"a": 0}, steps=1, groups=1, group_size=2)) == [0, 0]


def test_a_problem_met_twice_in_a_step_goes_on_counting_its_samples() -> None:
    assert GroupSampler("a", ROWS, steps=1, groups=2, group_size=2).slots(0) == (
        Slot("a", 0, 0),
        Slot("a", 0, 1),
        Slot("a", 1, 2),
        Slot("a", 1, 3),
    )


@given(
    order=st.text("abc", min_size=1, max_size=7),
    steps=st.integers(1, 4),
    groups=st.integers(1, 3),
    group_size=st.integers(2, 3),
)
def test_length_is_what_is_yielded_and_slots_are_unique(order: str, steps: int, groups: int, group_size: int) -> None:
    walk = GroupSampler(order, ROWS, steps, groups, group_size, repeats=2)
    assert len(list(walk)) == len(walk)
    for step in range(steps):
        slots = walk.slots(step)
        assert len({(slot.problem_id, slot.sample) for slot in slots}) == len(slots) == groups * group_size
