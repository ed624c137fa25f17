import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Pool
from assay.maths.rl.group_signal import expected_signal
from assay.selectors.frontier import Frontier


def test_half_solved_goes_first_and_the_reasons_tell_the_sides_apart(pool_of, rng):
    pool = pool_of([0, 32, 64, 24], n=64, cluster=[0, 0, 0, 0])
    selection = Frontier().select(pool, 2, rng)
    assert selection.ids == ("p001", "p003")
    assert selection.dropped == {"too_easy": ("p002",), "too_hard": ("p000",)}


def test_what_may_still_give_signal_is_over_the_budget_and_not_too_hard_or_too_easy(pool_of, rng):
    """None of 8 solved leaves rates of up to .27 possible, at which nine of ten groups of 8 are mixed."""
    selection = Frontier().select(pool_of([0, 1, 4, 6, 8], cluster=[0] * 5), 1, rng)
    assert selection.ids == ("p002",)
    assert selection.dropped == {"over_budget": ("p000", "p001", "p003", "p004")}


def test_a_larger_group_finds_signal_where_a_smaller_one_finds_too_little(pool_of, rng):
    pool = pool_of([1, 32], n=64, cluster=[0, 0])
    reasons = {size: set(Frontier(group_size=size).select(pool, 1, rng).dropped) for size in (2, 64)}
    assert reasons == {2: {"too_hard"}, 64: {"over_budget"}}


def test_never_solved_is_ranked_and_not_thrown_away(pool_of, rng):
    assert len(Frontier().select(pool_of([0, 8], cluster=[0, 0]), 2, rng).ids) == 2


def test_one_failure_of_one_is_nearer_the_frontier_than_eight_of_eight(rng):
    pool = Pool(("a", "b"), {"beta_a": np.array([0.5, 0.5]), "beta_b": np.array([8.5, 1.5])})
    assert Frontier(cluster_quota="none").select(pool, 1, rng).ids == ("b",)


def test_equal_signals_are_taken_by_id_even_when_mirrored(pool_of, rng):
    pool = pool_of([5, 3, 5, 3], cluster=[0, 0, 0, 0])
    selection = Frontier().select(pool, 2, rng)
    assert selection.ids == ("p000", "p001")
    assert selection.dropped == {"not_chosen": ("p002", "p003")}


def test_spread_by_size_gives_each_cluster_its_share_and_none_ranks_the_whole_pool(pool_of, rng):
    pool = pool_of([4, 4, 4, 0, 0, 0], cluster=[7, 7, 7, 2, 2, 2])
    assert Frontier(cluster_quota="size", frontier_budgets="pool").select(pool, 2, rng).ids == ("p000", "p003")
    assert Frontier(cluster_quota="none").select(pool, 2, rng).ids == ("p000", "p001")


def test_a_hopeless_cluster_has_no_share_in_the_frontier(pool_of, rng):
    pool = pool_of([4] * 20 + [0] * 10, cluster=[0] * 20 + [1] * 10)
    hopeless = [
        sum(id_ >= "p020" for id_ in Frontier(frontier_budgets=width).select(pool, 10, rng).ids)
        for width in (1, 2, 3, "pool")
    ]
    signal = expected_signal(np.array([4.5, 0.5]), np.array([4.5, 8.5]), 8)  # .93 and .20
    assert hopeless == [0, 0, 1, round(10 * 10 * signal[1] / (20 * signal[0] + 10 * signal[1]))] == [0, 0, 1, 1]


def test_the_frontier_is_shared_by_its_clusters_and_width_one_is_a_plain_ranking(pool_of, rng):
    pool = pool_of([4, 4, 4, 4, 3, 3, 3, 3, 0, 0], cluster=[0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    kept = {width: Frontier(frontier_budgets=width, cluster_quota="size").select(pool, 4, rng).ids for width in (1, 2)}
    assert kept[1] == Frontier(cluster_quota="none").select(pool, 4, rng).ids == ("p000", "p001", "p002", "p003")
    assert kept[2] == ("p000", "p001", "p004", "p005")


def test_a_larger_group_reaches_harder_problems(pool_of, rng):
    pool = Pool(("easy", "hard"), {"beta_a": np.array([85.5, 5.5]), "beta_b": np.array([15.5, 95.5])})
    gaps = [np.subtract(*expected_signal(pool.column("beta_a"), pool.column("beta_b"), size)) for size in (2, 64)]
    assert gaps[0] > gaps[1]
    assert Frontier(group_size=2, cluster_quota="none").select(pool, 1, rng).ids == ("easy",)


def test_only_a_spread_needs_clusters():
    assert "cluster" in Frontier().needs
    assert "cluster" not in Frontier(cluster_quota="none").needs


def test_without_budget_nothing_is_called_hard_or_easy(pool_of, rng):
    assert set(Frontier().select(pool_of([0, 8], cluster=[0, 0]), 0, rng).dropped) == {"not_chosen"}


def test_a_problem_without_a_posterior_is_named_and_never_zero(rng):
    pool = Pool(("a", "b"), {"beta_a": np.array([0.5, np.nan]), "beta_b": np.array([8.5, 1.5])})
    with pytest.raises(ValueError, match="'b'"):
        Frontier(cluster_quota="none").select(pool, 1, rng)


def test_a_pool_without_clusters_is_an_error_and_not_one_cluster(pool_of, rng):
    with pytest.raises(LookupError, match="clusters"):
        Frontier().select(pool_of([1, 2]), 1, rng)


def test_a_policy_that_will_get_better_is_given_harder_problems(pool_of, rng):
    pool = pool_of([1, 4])
    assert Frontier(cluster_quota="none", expected_improvement=0).select(pool, 1, rng).ids == ("p001",)
    assert Frontier(cluster_quota="none", expected_improvement=6).select(pool, 1, rng).ids == ("p000",)


def test_a_fitted_drift_is_no_number_yet_and_nan_is_none_at_all(pool_of, rng):
    with pytest.raises(ValueError, match="give a number"):
        build_part("selector", "frontier", {"cluster_quota": "none", "expected_improvement": "fitted"}).select(
            pool_of([1, 4]), 1, rng
        )
    with pytest.raises(ConfigError, match="expected_improvement"):
        build_part("selector", "frontier", {"expected_improvement": float("nan")})
