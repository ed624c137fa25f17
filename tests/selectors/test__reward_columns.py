"""Selectors on graded rewards, and a toy in which they pay."""

from pathlib import Path

import numpy as np
import pytest

from assay.core.types import Pool
from assay.maths.beta.reward_posterior import reward_posterior
from assay.selectors.band import Band
from assay.selectors.frontier import Frontier
from assay.selectors.informative import Informative

RNG = np.random.default_rng(0)
ROOT = Path(__file__).resolve().parents[2]


def graded_pool(*histograms: dict[float, int]) -> Pool:
    """Problems none of whose attempts is correct, by their rewards."""
    n = np.array([sum(histogram.values()) for histogram in histograms])
    a, b = np.full(len(n), 0.5), n + 0.5
    rows = [[(reward, False, k) for reward, k in histogram.items()] for histogram in histograms]
    posterior = reward_posterior(rows, ["s"] * len(n), a, b)
    rewards = np.stack([posterior.values, posterior.weights, posterior.correct.astype(float)], axis=2)
    spread = [np.repeat(list(histogram), list(histogram.values())).std() for histogram in histograms]
    columns = {"beta_a": a, "beta_b": b, "correct": np.zeros(len(n)), "wrong": n, "rewards": rewards}
    return Pool(tuple("abcdefgh"[: len(n)]), columns | {"reward_sd": np.array(spread)})


POOL = graded_pool({0.0: 8}, {0.0: 4, 0.9: 4}, {0.8: 4, 0.9: 4}, {0.9: 8})


def test_by_counts_alone_they_would_tie_and_by_rewards_the_spread_comes_first():
    plain = Pool(POOL.ids, {name: POOL.columns[name] for name in ("beta_a", "beta_b")})
    assert Frontier(cluster_quota="none").select(plain, 1, RNG).ids == ("a",)  # all alike: the first id
    assert Frontier(cluster_quota="none", signal="sd").select(POOL, 1, RNG).ids == ("b",)


def test_below_the_judges_repeatability_a_difference_is_none():
    close = graded_pool(*[{0.8: 4, 0.85: 4}] * 3, {0.0: 4, 0.9: 4})
    assert Frontier(cluster_quota="none", tau=0.2).select(close, 1, RNG).ids == ("d",)
    assert Informative(tau=0.1).select(close, 4, RNG).ids == ("d",)
    assert Informative().select(close, 4, RNG).ids == ("a", "b", "c", "d")


def test_informative_keeps_unequal_rewards_though_all_are_wrong():
    selection = Informative().select(POOL, 4, RNG)
    assert selection.ids == ("b", "c")
    assert selection.dropped == {"never_solved": ("a", "d")}


def test_a_band_is_of_the_mean_reward_and_of_the_pass_rate_where_asked():
    assert Band(low=0.3, high=0.7).select(POOL, 4, RNG).ids == ("b",)
    assert Band(low=0.3, high=0.7, by="correctness").select(POOL, 4, RNG).ids == ()


def test_a_drift_of_pass_rates_is_refused():
    with pytest.raises(ValueError, match="graded"):
        Frontier(cluster_quota="none", expected_improvement=1.0).select(POOL, 1, RNG)


def test_selection_by_expected_signal_gains_more_than_uniform_at_equal_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Problems of three parts with partial credit; `benchmarks/graded_selection.py` with 40 seeds."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.graded_selection import study

    over = {(row["objective"], row["arm"]): row for row in study(6)}
    for objective in ("grpo", "dr_grpo"):
        assert over[objective, "reward"]["low"] > 0
        assert over[objective, "reward"]["over"] > over[objective, "correctness"]["high"]
