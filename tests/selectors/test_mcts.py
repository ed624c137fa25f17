import numpy as np
import pytest

from assay.selectors.mcts import Mcts


@pytest.fixture
def pool(pool_of):
    return pool_of([4] * 5, K=[0, 5, 6, 40, 50], censored=[False, False, False, False, True])


def test_more_than_five_iterations_and_the_unsolved_stay(pool, rng):
    selection = Mcts().select(pool, 9, rng)
    assert selection.ids == ("p002", "p003", "p004")
    assert selection.dropped == {"too_easy": ("p000", "p001")}


def test_both_parts_alone(pool, rng):
    solved, unsolved = Mcts(part="solved").select(pool, 9, rng), Mcts(part="unsolved").select(pool, 9, rng)
    assert solved.ids == ("p002", "p003")
    assert solved.dropped["never_solved"] == ("p004",)
    assert unsolved.ids == ("p004",)
    assert unsolved.dropped == {"solved": ("p002", "p003"), "too_easy": ("p000", "p001")}


def test_both_ends_of_the_threshold(pool, rng):
    assert Mcts(above=-1).select(pool, 9, rng).ids == pool.ids
    assert Mcts(above=1000).select(pool, 9, rng).ids == ("p004",)


def test_a_short_budget_is_spent_at_random(pool):
    seen = {Mcts().select(pool, 1, np.random.default_rng(seed)).ids for seed in range(40)}
    assert seen == {("p002",), ("p003",), ("p004",)}


def test_the_k_of_an_unsolved_problem_is_not_read(pool_of, rng):
    assert Mcts().select(pool_of([4], K=[np.nan], censored=[True]), 1, rng).ids == ("p000",)
    with pytest.raises(ValueError, match="'p000' has K = nan"):
        Mcts().select(pool_of([4], K=[np.nan], censored=[False]), 1, rng)
