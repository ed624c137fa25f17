import numpy as np
import pytest

from assay.core.identity import content_id
from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.dynamic import Dynamic
from assay.maths.rl.group_signal import group_signal


def test_mixed_groups_are_kept_and_equal_ones_are_not():
    online = Dynamic(refills=3).begin(Pool(("a",)), seed=0)
    assert online.max_resamples == 3
    assert online.admits(GroupResult("a", Counts(1, 7), advantage=0.6))
    assert not online.admits(GroupResult("a", Counts(8, 0), advantage=0.0))


def test_every_problem_comes_once_a_round():
    online = Dynamic().begin(Pool(tuple("abcdef")), seed=0)
    assert sorted(online.sample(4) + online.sample(2)) == list("abcdef")


def test_what_is_kept_is_the_share_of_the_formula():
    rng = np.random.default_rng(0)
    for rate, share in ((0.02, 0.149), (0.1, 0.57), (0.5, 0.992)):
        online = Dynamic().begin(Pool(("a",)), seed=0)
        right = rng.binomial(8, rate, size=4000)
        online.observe([GroupResult("a", Counts(int(k), 8 - int(k)), advantage=float(0 < k < 8)) for k in right])
        assert round(float(group_signal(rate, 8)), 3) == share
        assert abs(online.kept / online.seen - share) < 0.025


def test_a_group_of_wrong_answers_with_partial_credit_is_no_group_to_learn_from():
    partly = GroupResult("a", Counts(wrong=8), advantage=0.8)
    assert not Dynamic().begin(Pool(("a",)), seed=0).admits(partly)
    assert Dynamic(gate="reward").begin(Pool(("a",)), seed=0).admits(partly)


def test_a_band_keeps_groups_strictly_inside_it_and_failed_verifiers_do_not_count():
    online = Dynamic(low=0.25, high=0.75).begin(Pool(("a",)), seed=0)
    kept = [k for k in range(9) if online.admits(GroupResult("a", Counts(k, 8 - k), advantage=1.0))]
    assert kept == [3, 4, 5]
    assert online.admits(GroupResult("a", Counts(correct=1, truncated=1, error=6), advantage=1.0))
    assert not online.admits(GroupResult("a", Counts(error=8), advantage=1.0))
    with pytest.raises(ValueError, match="empty"):
        Dynamic(low=0.8, high=0.2)


def test_the_gate_at_its_default_leaves_older_states_valid():
    pool = Pool(("a",))
    state = Dynamic(refills=3).begin(pool, seed=0)
    assert state.key == content_id("course", "Dynamic", "Dynamic(refills=3)", 0, [], "a")
    assert Dynamic(refills=3, low=0.1).begin(pool, seed=0).key != state.key
