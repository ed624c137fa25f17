import numpy as np
import pytest

from assay.core.types import Counts, GroupResult
from assay.curricula.skip import Skip


def group(id_, right):
    return GroupResult(id_, Counts(right, 8 - right))


def test_the_chance_to_keep_falls_by_the_power_of_the_streak(pool_of):
    """Keep .5 and a streak of 2: a fourth of its turns are left."""
    state = Skip().begin(pool_of([0.5] * 2), seed=0)
    state.streak[:] = [2, 0]
    ids = [id_ for _ in range(4000) for id_ in state.sample(1)]
    ratio = ids.count("p0") / ids.count("p1")
    assert ratio == pytest.approx(0.25, abs=0.03)


def test_a_mixed_group_ends_a_streak_and_the_other_kind_begins_a_new_one(pool_of):
    state = Skip().begin(pool_of([0.5] * 2), seed=0)
    for right in (0, 0):
        state.observe([group("p0", right), group("p1", right)])
    assert state.streak.tolist() == [2, 2]
    state.observe([group("p0", 4), group("p1", 8)])
    assert state.streak.tolist() == [0, 1]
    assert state.solved.tolist() == [False, True]


def test_nothing_is_skipped_and_no_chance_moves_in_the_first_round(pool_of):
    state = Skip().begin(pool_of([0.5] * 20), seed=0)
    ids = [id_ for _ in range(20) for id_ in state.sample(1)]
    assert len(set(ids)) == 20
    state.observe([group(id_, 0) for id_ in ids])
    assert state.keep_hard == 0.5


def test_chances_move_by_a_hundredth_towards_their_targets_and_stay_between_their_ends(pool_of):
    """Targets of .25: a twelfth of groups all right, a sixth all wrong."""
    state = Skip().begin(pool_of([0.5] * 4), seed=0)
    state.dealt = 5  # the second round has begun
    state.observe([group("p0", 0), group("p1", 4), group("p2", 4), group("p3", 4)])
    assert (state.keep_hard, state.keep_easy) == (pytest.approx(0.49), pytest.approx(0.51))
    for _ in range(200):
        state.observe([group("p0", 0)])
    assert (state.keep_hard, state.keep_easy) == (0.05, 0.95)


def test_with_three_of_four_problems_dead_half_of_later_groups_are_on_the_living_one(pool_of):
    """Dead problems end at a keep of .05 and less: GRESO's gain is in later rounds alone."""
    state, shares = Skip().begin(pool_of([0.5] * 40), seed=0), []
    for _ in range(60):
        ids = state.sample(10)
        shares.append(np.mean([int(id_[1:]) < 10 for id_ in ids]))
        state.observe([group(id_, 4 if int(id_[1:]) < 10 else 0) for id_ in ids])
    assert np.mean(shares[:4]) == 0.25
    assert np.mean(shares[30:]) > 0.7
