import numpy as np

from assay.selectors.hardest import Hardest


def test_the_least_solved_go_first_and_equal_ones_by_id(pool_of, rng):
    selection = Hardest().select(pool_of([8, 1, 0, 1]), 2, rng)
    assert selection.ids == ("p001", "p002")
    assert selection.dropped == {"not_chosen": ("p000", "p003")}


def test_the_never_solved_can_be_left_out_or_be_all(pool_of, rng):
    pool = pool_of([8, 1, 0, 0])
    dropped, only = (Hardest(unsolved=rule).select(pool, 4, rng) for rule in ("drop", "only"))
    assert (dropped.ids, dropped.dropped) == (("p000", "p001"), {"never_solved": ("p002", "p003")})
    assert (only.ids, only.dropped) == (("p002", "p003"), {"solved": ("p000", "p001")})


def test_none_of_sixteen_is_harder_than_none_of_four(pool_of, rng):
    pool = pool_of([0, 0], n=np.array([4, 16]))
    assert Hardest().select(pool, 1, rng).ids == ("p001",)
