import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.pilot_groups import PilotGroups
from assay.integrations.curriculum import TrainerCurriculum


def begin(n=400, **settings):
    return PilotGroups(**settings).begin(Pool(tuple(f"p{row:04}" for row in range(n))), seed=0)


def piloting(rate_of, rng, made=None):
    """Pilots of two by a rate per row number."""

    def attempt(ids):
        right = rng.binomial(2, [rate_of(int(id_[1:])) for id_ in ids]).tolist()
        results = [GroupResult(id_, Counts(k, 2 - k)) for id_, k in zip(ids, right, strict=True)]
        (made if made is not None else []).extend(results)
        return results

    return attempt


def test_a_step_holds_problems_whose_pilots_were_mixed_and_no_others(rng):
    made = []
    ids = begin().screen(8, 8, piloting(lambda row: 0.5, rng, made))
    mixed = [result.problem_id for result in made if result.counts.correct == 1]
    assert list(ids) == mixed[:8]


def test_what_passed_beyond_the_step_waits_for_the_next_one_and_is_not_attempted_again(rng):
    state, made = begin(), []
    attempt = piloting(lambda row: 1 - (row % 2) * 0.5, rng, made)
    state.screen(4, 8, attempt)
    waiting = [state.ids[row] for row in state.waiting]
    made.clear()
    ids = state.screen(4, 8, attempt)
    assert list(ids[: len(waiting)]) == waiting[:4]
    assert not set(waiting[:4]) & {result.problem_id for result in made}


def test_a_solved_group_is_out_for_longer_than_a_pilot_that_was_all_alike(rng):
    state = begin(4, retire_steps=20, defer_steps=5)
    state.screen(2, 8, lambda ids: [GroupResult(id_, Counts(2, 0)) for id_ in ids])
    assert set(state.out_until.tolist()) <= {0, 5}
    state.observe(
        [GroupResult("p0000", Counts(8, 0)), GroupResult("p0001", Counts(0, 8)), GroupResult("p0002", Counts(4, 4))]
    )
    assert state.out_until[:2].tolist() == [21, 6]


def test_with_one_problem_of_ten_alive_a_pilot_makes_mixed_groups_for_fewer_rollouts(rng):
    """The pool's first rows are alive at .5: the arithmetic says 81 rollouts per mixed group of 8, and 46 with pilots."""

    def alive(row):
        return 0.5 if row % 10 == 0 else 0.0

    state, made, steps = begin(4000, defer_steps=0), [], 40
    for _ in range(steps):
        ids = state.screen(8, 8, piloting(alive, rng, made))
        assert all(int(id_[1:]) % 10 == 0 for id_ in ids)
        state.observe([GroupResult(id_, Counts(4, 4)) for id_ in ids])
    assert (2 * len(made) + 6 * 8 * steps) / (8 * steps) == pytest.approx(46, rel=0.15)


def test_a_step_that_too_few_pass_holds_second_groups_of_those_that_did(rng):
    ids = begin(max_waves=2).screen(8, 8, piloting(lambda row: 0.5 if row < 40 else 0.0, rng))
    assert len(ids) == 8
    assert all(int(id_[1:]) < 40 for id_ in ids)


def test_where_nothing_passes_the_step_is_filled_all_the_same(rng):
    assert len(begin().screen(8, 8, piloting(lambda row: 0.0, rng))) == 8
    assert begin(0).screen(8, 8, piloting(lambda row: 0.0, rng)) == ()


def test_screening_goes_on_exactly_after_a_resume():
    def steps(state, first, last):
        chosen = []
        for step in range(first, last):
            chosen.append(state.screen(4, 8, piloting(lambda row: 0.3, np.random.default_rng(step))))
            state.observe([GroupResult(id_, Counts(int(id_[-1]) % 9, 8 - int(id_[-1]) % 9)) for id_ in chosen[-1]])
        return chosen

    whole = steps(begin(), 0, 10)
    first, second = begin(), begin()
    steps(first, 0, 4)
    second.load_state_dict(first.state_dict())
    assert steps(second, 4, 10) == whole[4:]


def test_another_trainer_refuses_it():
    with pytest.raises(ConfigError, match="attempts groups in parts"):
        TrainerCurriculum(begin(), group_size=8)
