import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.maths.allocation.trial_queue import TrialQueue


def walked(queue: TrialQueue, rate: np.ndarray, room: int, seed: int = 0) -> list[int]:
    """Sample until the queue is finished; the size of every wave."""
    rng, sizes = np.random.default_rng(seed), []
    while not queue.finished:
        wave = queue.take(room)
        sizes.append(int(wave.sum()))
        rows = np.flatnonzero(wave)
        queue.observe(rows, trials=wave[rows], right=rng.binomial(wave[rows], rate[rows]))
    return sizes


def test_a_problem_that_is_always_right_gets_exactly_its_target():
    queue = TrialQueue(target=[7, 3], cap=99)
    assert walked(queue, np.ones(2), room=4)
    assert queue.trials.tolist() == queue.right.tolist() == [7, 3]


def test_a_problem_that_is_never_right_ends_at_its_cap():
    queue = TrialQueue(target=[2, 1], cap=[50, 5])
    walked(queue, np.zeros(2), room=8)
    assert queue.trials.tolist() == [50, 5]
    assert queue.filled == 0


def test_stored_attempts_count_and_a_met_target_asks_for_nothing():
    queue = TrialQueue(target=[3, 3], cap=9, right=[3, 1], trials=[4, 9])
    assert queue.finished
    assert queue.take(8).tolist() == [0, 0]


def test_a_lost_trial_is_handed_out_again():
    queue = TrialQueue(target=[1], cap=1)
    assert queue.take(5).tolist() == [1]
    assert queue.take(5).tolist() == [0]
    queue.observe([0], trials=0, right=0, lost=1)
    assert queue.take(5).tolist() == [1]


def test_a_closed_problem_gets_nothing_more():
    queue = TrialQueue(target=[5, 1], cap=9)
    queue.close([0])
    assert queue.take(9).tolist() == [0, 1]


def test_waves_are_full_until_the_last_targets_and_shrink_at_the_end():
    rate = np.linspace(0.02, 0.98, 300)
    queue = TrialQueue(target=np.full(300, 20), cap=4_000)
    sizes = walked(queue, rate, room=256)
    assert queue.fullness >= 0.9
    assert queue.filled == 1
    assert sizes[-1] < 256


def test_little_is_spent_beyond_the_targets():
    rate = np.full(200, 0.5)
    queue = TrialQueue(target=np.full(200, 10), cap=1_000)
    walked(queue, rate, room=512)
    assert int(queue.trials.sum()) == pytest.approx(200 * 20, rel=0.15)  # 10 right answers at a rate of a half


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30), st.floats(0, 1)), min_size=1, max_size=12),
    st.integers(1, 40),
)
def test_no_problem_passes_its_cap_or_goes_on_behind_its_target(problems, room):
    target, cap, rate = (np.array(values) for values in zip(*problems, strict=True))
    queue = TrialQueue(target=target, cap=cap)
    assert all(0 < size <= room for size in walked(queue, rate, room))
    assert (queue.trials <= cap).all()
    assert ((queue.right >= target) | (queue.trials == cap)).all()
    assert (queue.trials[target == 0] == 0).all()


def test_bad_values_are_named():
    with pytest.raises(ValueError, match="3 right answers of 2 trials at 1"):
        TrialQueue(target=[1, 1], cap=9, right=[0, 3], trials=[0, 2])
    with pytest.raises(ValueError, match="below 0"):
        TrialQueue(target=[-1], cap=9)
