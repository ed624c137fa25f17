import numpy as np

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
