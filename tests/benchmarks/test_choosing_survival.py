"""The statistics of `choosing_study`, on data whose answer is known."""

import math

import numpy as np
import pytest
from benchmarks._choosing_curves import contrasts, cost_to, crossing, paid_at, pass_at_8_against
from benchmarks._choosing_survival import Crossing, compare_arms, contrast, fit_lognormal, holm, limit_crossings
from scipy import stats

SEEDS = 12


def crossings(costs, grid=0.0, limit=math.inf):
    """One per arm and seed: exact, or between two points of a grid, and censored beyond the limit."""
    rows = []
    for arm, values in costs.items():
        for seed, cost in enumerate(values):
            low, high = (cost, cost) if not grid else (grid * (cost // grid), grid * (cost // grid + 1))
            rows.append(Crossing(arm, seed, *((low, high) if high <= limit else (limit, math.inf))))
    return rows


def simulated(rng, seeds=SEEDS, ratio=2.0, block=0.5, noise=0.2):
    lucky = rng.normal(0, block, seeds)
    return {
        "uniform": 20_000 * np.exp(lucky + rng.normal(0, noise, seeds)),
        "bins": 20_000 / ratio * np.exp(lucky + rng.normal(0, noise, seeds)),
    }


def test_exact_crossings_of_two_arms_give_students_paired_interval():
    costs = simulated(np.random.default_rng(0))
    found = contrast(fit_lognormal(crossings(costs)), "bins", "uniform")
    logs = np.log(costs["uniform"] / costs["bins"])
    half = stats.t.ppf(0.975, SEEDS - 1) * logs.std(ddof=1) / SEEDS**0.5
    assert found["ratio"] == pytest.approx(np.exp(logs.mean()), rel=1e-3)
    assert [found["low"], found["high"]] == pytest.approx(
        [np.exp(logs.mean() - half), np.exp(logs.mean() + half)], rel=0.01
    )
    assert found["p"] == pytest.approx(stats.ttest_1samp(logs, 0).pvalue, rel=0.05)


def test_seeds_that_are_lucky_for_every_arm_do_not_widen_the_interval():
    calm, wild = (simulated(np.random.default_rng(1), block=block) for block in (0.0, 2.0))
    widths = [
        math.log(found["high"] / found["low"])
        for found in (contrast(fit_lognormal(crossings(c)), "bins", "uniform") for c in (calm, wild))
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.02)


def test_censored_runs_bias_the_ratio_less_than_counting_them_as_reached():
    rng, errors, naive = np.random.default_rng(2), [], []
    for _ in range(4):
        costs = simulated(rng, seeds=10, block=0.1, noise=0.5)
        limit = float(np.sort(costs["uniform"])[7])  # the two longest are censored
        rows = crossings(costs, limit=limit)
        errors.append(
            math.log(contrast(fit_lognormal(rows), "bins", "uniform")["ratio"])
            - np.log(costs["uniform"] / costs["bins"]).mean()
        )
        naive.append(
            np.log(np.minimum(costs["uniform"], limit) / np.minimum(costs["bins"], limit)).mean()
            - np.log(costs["uniform"] / costs["bins"]).mean()
        )
    assert abs(np.mean(errors)) < 0.6 * abs(np.mean(naive))
    assert np.mean(naive) < -0.05


def test_crossings_between_two_points_give_the_ratio_of_the_costs():
    costs = simulated(np.random.default_rng(3))
    exact, coarse = (contrast(fit_lognormal(crossings(costs, grid=grid)), "bins", "uniform") for grid in (0.0, 3000.0))
    assert coarse["ratio"] == pytest.approx(exact["ratio"], rel=0.06)
    assert coarse["low"] < 2 < coarse["high"]


def test_over_a_quarter_censored_there_is_a_bound_and_no_estimate():
    costs = {
        "uniform": np.linspace(20_000, 40_000, 8),
        "bins": np.linspace(9_000, 11_000, 8),
        "slow": np.full(8, 80_000.0),
    }
    found = compare_arms(crossings(costs, limit=33_000), ["uniform"])
    assert found["bins against uniform"]["bound"] == "lower"  # three of eight uniforms never got there
    assert 2 < found["bins against uniform"]["low"] < 2.9
    assert found["slow against uniform"]["bound"] == "none"
    whole = compare_arms(crossings(costs, limit=36_000), ["uniform"])["bins against uniform"]  # two of eight
    assert (whole["bound"], whole["holm"]) == ("", whole["p"])
    assert whole["low"] < 3 < whole["high"]


def test_a_crossing_later_than_three_medians_is_censored_there():
    rows = crossings({"uniform": [10.0, 10.0, 10.0], "slow": [29.0, 31.0, 90.0]})
    limited = limit_crossings(rows, "uniform")
    assert [(row.low, row.censored) for row in limited[3:]] == [(29.0, False), (30.0, True), (30.0, True)]
    unknown = crossings({"uniform": [10.0, 99.0, 99.0]}, limit=50.0)
    assert limit_crossings(unknown, "uniform") == unknown


def test_p_values_of_several_contrasts_are_holms():
    assert holm([0.01, 0.04, 0.03, 0.9]) == pytest.approx([0.04, 0.09, 0.09, 0.9])
    assert holm([]) == []


def points(*rows):
    names = ("rollouts", "step", "held_out", "pass_at_8")
    return [dict(zip(names, row, strict=True)) for row in rows]


def run_of(arm, seed, *rows):
    return {"arm": arm, "seed": seed, "points": points(*rows)}


def test_a_crossing_lies_between_two_points_of_the_isotonic_curve():
    run = run_of("a", 0, (0, 0, 0.1, 0.5), (640, 5, 0.20, 0.5), (1280, 10, 0.12, 0.5), (1920, 15, 0.21, 0.6))
    assert crossing(run, 0.05) == Crossing("a", 0, 0.0, 640.0)  # pooled: .16 at the second and third
    assert crossing(run, 0.10) == Crossing("a", 0, 1280.0, 1920.0)
    assert crossing(run, 0.15) == Crossing("a", 0, 1920.0, math.inf)
    assert 1280 < cost_to(run, 0.10) < 1920


def test_scoring_is_shared_by_its_uses_and_generation_charged_by_its_part():
    run = run_of("a", 0, (1000, 0, 0.1, 0.5), (1000 + 1280, 5, 0.2, 0.5))
    assert paid_at(run, uses=5).tolist() == [200.0, 1480.0]
    # 1,000 generated alone, 1,280 of which 640 are trained on
    assert paid_at(run, generation=1).tolist() == [500.0, (2280 + 640) / 2]
    assert paid_at(run, generation=9)[1] == pytest.approx((9 * 2280 + 640) / 10)
    plain = run_of("b", 0, (0, 0, 0.1, 0.5), (640, 5, 0.2, 0.5))
    assert [paid_at(plain, generation=share)[1] for share in (1, 4, 9)] == [640.0] * 3


def test_the_contrasts_of_a_study_hold_every_target_use_and_cost():
    rng, runs = np.random.default_rng(0), []
    for seed in range(5):
        for arm, speed, before in (("uniform", 1.0, 0), ("bins", 2.0, 0), ("scored", 2.0, 4000)):
            rise = speed * np.exp(rng.normal(0, 0.1)) / 100_000
            rows = [(before + 640 * k, 5 * k, 0.1 + rise * 640 * k, 0.5) for k in range(40)]
            runs.append(run_of(arm, seed, *rows))
    found = contrasts(runs)
    assert found["+0.05, use 1"]["bins against uniform"]["ratio"] == pytest.approx(2, rel=0.2)
    shares = [found[f"+0.05, use {uses}"]["scored against uniform"]["ratio"] for uses in (1, 2, 5)]
    assert shares == sorted(shares)
    assert shares[0] < 1.1 < shares[2]
    assert "bins against uniform" not in found["+0.05, use 5"]
    cheap, dear = (found[f"+0.05, generation : update {k}"]["scored against uniform"]["ratio"] for k in (1, 9))
    assert shares[0] < dear < cheap  # the rollouts of scoring are never trained on


def test_pass_at_8_is_compared_on_the_same_seeds():
    runs = [
        run_of(arm, seed, (0, 0, 0.1, 0.5), (640, 5, 0.2, 0.6 + lift + seed / 10))
        for arm, lift in (("uniform", 0), ("bins", 0.02))
        for seed in range(3)
    ]
    found = pass_at_8_against(runs, "bins")
    assert [found[name] for name in ("seeds", "mean", "low", "high")] == pytest.approx([3, 0.02, 0.02, 0.02])
    assert pass_at_8_against(runs[:4], "bins") is None
