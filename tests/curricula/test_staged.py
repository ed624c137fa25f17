import numpy as np
import pytest

from assay.core.types import Counts, GroupResult
from assay.curricula.staged import Staged

RIGHT, WRONG = Counts(correct=8), Counts(wrong=8)


def test_the_gate_opens_when_the_lower_bound_passes_and_not_when_the_rate_does(pool_of):
    online = Staged(bins=2, threshold=0.7).begin(pool_of([0.9, 0.8, 0.2, 0.1]), seed=0)
    online.observe([GroupResult("p0", Counts(correct=3, wrong=1))] * 4)  # .75, bound .25
    assert online.lesson == 0
    assert set(online.sample(4)) == {"p0", "p1"}
    online.observe([GroupResult("p1", RIGHT)] * 8)  # .92 of twelve, bound .72
    assert online.lesson == 1
    assert set(online.sample(4)) == {"p2", "p3"}


@pytest.mark.parametrize(
    ("rate", "opens"), [((1.3, 0.7), False), ((1.8, 0.2), True)]
)  # means of .65 and .9 beside a threshold of .7
def test_rollouts_of_one_group_are_no_independent_evidence(pool_of, rate, opens):
    rng, opened = np.random.default_rng(0), 0
    for _ in range(20):
        online = Staged(bins=2, threshold=0.7).begin(pool_of([0.9, 0.1]), seed=0)
        for _ in range(100):
            right = rng.binomial(8, rng.beta(*rate, 16))
            online.observe([GroupResult("p0", Counts(correct=int(k), wrong=8 - int(k))) for k in right])
            if online.lesson:
                break
        opened += online.lesson
    assert opened == (20 if opens else 0)


def test_a_gate_that_never_opens_keeps_the_phase_and_patience_passes_it(pool_of):
    waiting, tired = (Staged(bins=2, patience=patience).begin(pool_of([0.9, 0.1]), seed=0) for patience in (0, 5))
    for online in (waiting, tired):
        for _ in range(6):
            online.observe([GroupResult("p0", WRONG)])
    assert (waiting.lesson, tired.lesson) == (0, 1)


def test_a_threshold_of_zero_opens_after_one_group_and_of_one_never(pool_of):
    open_, shut = (Staged(bins=2, threshold=threshold).begin(pool_of([0.9, 0.1]), seed=0) for threshold in (0, 1))
    open_.observe([GroupResult("p0", WRONG)])
    shut.observe([GroupResult("p0", RIGHT)] * 30)
    assert (open_.lesson, shut.lesson) == (1, 0)


def test_the_last_phase_has_no_gate_and_old_groups_leave_the_window(pool_of):
    online = Staged(bins=1, window=2).begin(pool_of([0.9, 0.1]), seed=0)
    online.observe([GroupResult("p0", WRONG), GroupResult("p1", RIGHT), GroupResult("p1", RIGHT)])
    assert online.lesson == 0
    assert online.right.tolist() == [8, 8]


def test_the_offline_order_has_phase_after_phase(pool_of, rng):
    phases = Staged(bins=2).arrange(pool_of([0.1, 0.9, 0.2, 0.8]), rng).phases
    assert [set(phase.ids) for phase in phases] == [{"p1", "p3"}, {"p0", "p2"}]
