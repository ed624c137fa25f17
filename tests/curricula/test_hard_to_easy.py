from assay.curricula.easy_to_hard import EasyToHard
from assay.curricula.hard_to_easy import HardToEasy


def test_it_is_the_exact_reverse_of_easy_to_hard(pool_of, rng):
    pool = pool_of([0.2, 0.9, 0.5, 0.5])
    order = HardToEasy().arrange(pool, rng).order
    assert order == ("p0", "p3", "p2", "p1") == EasyToHard().arrange(pool, rng).order[::-1]
