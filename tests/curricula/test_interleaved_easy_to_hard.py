from assay.curricula.easy_to_hard import EasyToHard
from assay.curricula.interleaved_easy_to_hard import InterleavedEasyToHard

MEAN = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
CLUSTER = [0, 0, 0, 1, 1, 1]  # the first is easier throughout


def test_one_level_takes_turns_each_group_from_easy_to_hard(pool_of, rng):
    order = InterleavedEasyToHard(levels=1).arrange(pool_of(MEAN, cluster=CLUSTER), rng).order
    assert order == ("p0", "p3", "p1", "p4", "p2", "p5")


def test_two_levels_are_walked_one_after_the_other(pool_of, rng):
    order = InterleavedEasyToHard(levels=2).arrange(pool_of(MEAN, cluster=[0, 0, 1, 1, 0, 1]), rng).order
    assert order == ("p0", "p2", "p1", "p3", "p4", "p5")


def test_as_many_levels_as_problems_is_easy_to_hard(pool_of, rng):
    pool = pool_of([0.1, 0.9, 0.5, 0.5], cluster=[0, 0, 1, 1])
    assert InterleavedEasyToHard(levels=99).arrange(pool, rng).order == EasyToHard().arrange(pool, rng).order
