import numpy as np
import pytest

from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.levels import Levels
from assay.curricula.online.quotas import QuotaCurriculum


def group(id_, right, of=8):
    return GroupResult(id_, Counts(right, of - right))


def pool_of_levels(sources="ab", levels=4, each=5):
    """Ids say source, level and number: `a2-1`."""
    ids = tuple(f"{name}{level}-{n}" for name in sources for level in range(levels) for n in range(each))
    columns = {"source": np.array([id_[0] for id_ in ids]), "level": np.array([float(id_[1]) for id_ in ids])}
    return Pool(ids, columns)


def levels_drawn(state, groups=400):
    """The levels of each source that a state of it draws from, without changing anything."""
    ids = state.sample(groups)
    return {name: sorted({int(id_[1]) for id_ in ids if id_[0] == name}) for name in "ab"}


def test_the_next_level_opens_once_nine_in_ten_of_eight_groups_are_right():
    state = Levels().begin(pool_of_levels(), seed=0)
    assert levels_drawn(state) == {"a": [0], "b": [0]}
    state.observe([group("a0-0", 7)] * 4 + [group("b0-0", 7)] * 8)
    state.observe([group("a0-1", 8)] * 3)
    assert state.opened.tolist() == [1, 1]  # a: 7 groups only; b: 56 of 64 right, .875
    state.observe([group("a0-2", 8)])  # a: 28 + 32 of 64, .9375
    assert state.opened.tolist() == [2, 1]
    assert levels_drawn(state) == {"a": [0, 1], "b": [0]}
    state.observe([group("b0-0", 8)] * 8)  # the look before began b's count anew
    assert state.opened.tolist() == [2, 2]


def test_only_the_highest_open_level_counts_and_truncated_rollouts_are_wrong():
    state = Levels(groups=2, open=2).begin(pool_of_levels("a"), seed=0)
    state.observe([group("a0-0", 8)] * 9)
    assert state.opened.tolist() == [2]
    state.observe([GroupResult("a1-0", Counts(correct=4, truncated=4)), group("a1-1", 8)])
    assert state.opened.tolist() == [2]
    state.observe([GroupResult("a1-0", Counts(error=8)), group("a1-1", 8)])
    assert state.opened.tolist() == [3]
    state.observe([GroupResult("a2-0", Counts(error=8))] * 2)  # nothing was judged
    assert state.opened.tolist() == [3]


def test_the_window_leaves_low_levels_behind_and_the_highest_stays():
    state = Levels(window=2, groups=1, threshold=0).begin(pool_of_levels("a"), seed=0)
    for highest in (0, 1, 2, 3, 3, 3):
        drawn = levels_drawn(state)["a"]
        assert drawn == [level for level in (highest - 1, highest) if level >= 0]
        state.observe([group(f"a{highest}-0", 0)])


def test_levels_need_not_be_counted_from_zero_nor_be_the_same_in_every_source():
    ids = ("a-hard", "a-soft", "b-hard", "b-soft")
    columns = {"source": np.array(["a", "a", "b", "b"]), "level": np.array([5.0, 2.0, 9.0, 7.5])}
    state = Levels().begin(Pool(ids, columns), seed=0)
    assert set(state.sample(40)) == {"a-soft", "b-soft"}
    assert set(Levels(open=9).begin(Pool(ids, columns), seed=0).sample(40)) == set(ids)


@pytest.mark.parametrize("quotas", [{}, {"a": 3.0, "b": 1.0}])
def test_a_training_that_goes_on_after_a_kill_gives_the_same_steps(quotas):
    def begin():
        part, pool = Levels(groups=5, threshold=0.75), pool_of_levels()
        return QuotaCurriculum(part, pool, quotas, seed=3) if quotas else part.begin(pool, seed=3)

    def steps(state, rng, n):
        drawn = []
        for _ in range(n):
            ids = state.sample(8)
            state.observe([group(id_, rng.binomial(8, 0.8)) for id_ in ids])
            drawn.append(ids)
        return drawn

    whole = steps(begin(), np.random.default_rng(0), 12)
    for cut in range(1, 12):
        rng, first, second = np.random.default_rng(0), begin(), begin()
        head = steps(first, rng, cut)
        second.load_state_dict(first.state_dict())
        assert head + steps(second, rng, 12 - cut) == whole
    assert {id_[1] for id_ in whole[0]} == {"0"}
    assert max(id_[1] for id_ in whole[-1]) > "1"


def test_the_order_without_training_goes_from_the_lowest_level_to_the_highest(rng):
    order = Levels().arrange(pool_of_levels(), rng).order
    assert [id_[1] for id_ in order] == sorted(id_[1] for id_ in order)
    assert len(set(order)) == 40


def test_a_policy_that_gets_better_is_kept_at_half_solved_levels():
    """A level is solved with expit(skill - level); the skill grows with every mixed group: the mean share follows it up."""
    state, skill, shares = Levels(groups=4, threshold=0.8, window=1).begin(pool_of_levels("a", 10), seed=0), 1.0, []
    rng = np.random.default_rng(0)
    for _ in range(400):
        ids = state.sample(4)
        right = [int(rng.binomial(8, 1 / (1 + np.exp(2 * (int(id_[1]) - skill))))) for id_ in ids]
        skill += 0.02 * sum(0 < k < 8 for k in right)
        shares.append(sum(right) / 32)
        state.observe([group(id_, k) for id_, k in zip(ids, right, strict=True)])
    assert state.opened[0] == 10
    assert 0.3 < np.mean(shares[20:200]) < 0.85
