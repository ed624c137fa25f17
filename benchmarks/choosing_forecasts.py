"""Are the forecasts of `curate analyze value` right: coverage, error and regret on simulated pools that they have not seen.

    python -m benchmarks.choosing_forecasts [--pools 24]

Each pool has a share of living problems, two sources that tell them apart or do not, and dead problems with answers shorter or longer than the
living ones'. The forecast reads 4 attempts at a quarter of it. Then each way trains in the pool as it is, on binomial outcomes of its true rates.
"""

import argparse
import json
from typing import Any

import numpy as np

from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.pipelines.analysis.choosing_forecast import (
    WAYS,
    PoolAttempts,
    TrainingSize,
    World,
    forecast_ways,
    simulate_way,
)
from benchmarks.claims import RESULTS, hardware

SIZE = TrainingSize(steps=30, groups=8, group_size=8)
PROBLEMS, TRIED, ATTEMPTS, BUDGET = 600, 150, 4, 100
TRAININGS = 3  # per way, of which the first counts for coverage and the mean for regret


def main() -> None:
    """Prints the numbers and writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=24)
    parser.add_argument("--worlds", type=int, default=16)
    given = parser.parse_args()
    pools = [of_pool(number, given.worlds) for number in range(given.pools)]
    found = {"pools": given.pools, "worlds": given.worlds, **summary(pools), "hardware": hardware()}
    print(json.dumps(found, indent=1))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "choosing_forecasts.json").write_text(json.dumps(found, indent=1) + "\n")


def of_pool(number: int, worlds: int) -> dict[str, Any]:
    """Forecast and trainings of one pool."""
    rng = np.random.default_rng((7, number))
    alive, told, longer = rng.uniform(0.05, 0.5), bool(number % 2), rng.uniform(0.5, 4)
    living = rng.random(PROBLEMS) < alive
    rate = np.where(living, rng.beta(2, 6, PROBLEMS), 0.0)
    marked = living | (rng.random(PROBLEMS) < 0.2) if told else rng.random(PROBLEMS) < 0.5
    source, tokens = np.where(marked, "a", "b"), np.where(living, 100.0, 100.0 * longer)
    asked = np.isin(np.arange(PROBLEMS), rng.permutation(PROBLEMS)[:TRIED])
    correct = rng.binomial(ATTEMPTS, rate) * asked
    seen = PoolAttempts(correct, ATTEMPTS * asked - correct, np.where(asked, tokens, np.nan), source)
    forecast = forecast_ways(seen, SIZE, budget=BUDGET, worlds=worlds, seed=number)
    world = World(rate, tokens, source, ATTEMPTS * asked, ZeroInflatedBeta.of(2.0, 6.0, zero=1 - alive))
    costs = {
        way.name: [simulate_way(world, way, SIZE, 0.0, (number, k, 1), budget=BUDGET).cost(1) for k in range(TRAININGS)]
        for way in WAYS
    }
    return {"forecast": forecast, "costs": costs}


def summary(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Coverage and median error of both horizons, and how good the named way is."""
    inside: dict[str, list[bool]] = {"first_tenth": [], "whole": []}
    by_way: dict[str, list[bool]] = {way.name: [] for way in WAYS}
    errors: dict[str, list[float]] = {"first_tenth": [], "whole": []}
    means = [
        {name: float(np.mean([cost[1] for cost in costs])) for name, costs in pool["costs"].items()} for pool in pools
    ]
    for pool in pools:
        for row in pool["forecast"]["rows"]:
            if row["uses"] == 1:
                for place, part in enumerate(inside):
                    low, middle, high = row[part]
                    cost = pool["costs"][row["way"]][0][place]
                    inside[part].append(low <= cost <= high)
                    errors[part].append(abs(middle / cost - 1))
                by_way[row["way"]].append(inside["whole"][-1])
    named = [mean[pool["forecast"]["best"]] / min(mean.values()) - 1 for pool, mean in zip(pools, means, strict=True)]
    always = {way.name: float(np.mean([mean[way.name] / min(mean.values()) - 1 for mean in means])) for way in WAYS}
    return {
        "cells": len(inside["whole"]),
        "coverage": {part: float(np.mean(values)) for part, values in inside.items()},
        "coverage_of_the_whole_run": {name: float(np.mean(values)) for name, values in by_way.items()},
        "median_error": {part: float(np.median(values)) for part, values in errors.items()},
        "named_within_10_percent": float(np.mean([regret <= 0.1 for regret in named])),
        "regret_of_the_named": float(np.mean(named)),
        "regret_of_always": always,
    }


if __name__ == "__main__":
    main()
