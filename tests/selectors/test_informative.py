import numpy as np

from assay.selectors.informative import Informative


def test_only_mixed_problems_stay_and_the_reasons_tell_why(pool_of, rng):
    pool = pool_of([0, 4, 8, 1, 7])
    selection = Informative().select(pool, 9, rng)
    assert selection.ids == ("p001", "p003", "p004")
    assert selection.dropped == {"always_solved": ("p002",), "never_solved": ("p000",)}


def test_a_budget_below_the_mixed_problems_leaves_some_not_chosen(pool_of, rng):
    selection = Informative().select(pool_of([4, 4, 4, 0]), 1, rng)
    assert len(selection.ids) == 1
    assert len(selection.dropped["not_chosen"]) == 2
    assert selection.dropped["never_solved"] == ("p003",)


def test_no_problem_left_is_an_empty_selection_and_never_the_whole_pool(pool_of, rng):
    selection = Informative().select(pool_of([0, 8, 0]), 3, rng)
    assert selection.ids == ()
    assert selection.dropped == {"always_solved": ("p001",), "never_solved": ("p000", "p002")}


def test_a_problem_whose_attempts_were_all_cut_is_ungraded_and_not_hard(pool_of, rng):
    pool = pool_of([0, 4], n=np.array([0, 8]))
    assert Informative().select(pool, 2, rng).dropped == {"ungraded": ("p000",)}
