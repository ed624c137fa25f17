"""Are the forecasts of `curate analyze value` right: coverage, error and regret on simulated pools that they have not seen.

    python -m benchmarks.choosing_forecasts [--pools 24] [--family dead]

Pools `dead` have a share of living problems, two sources that tell them apart or not, and dead problems with answers shorter or longer than the
living ones'. Pools `graded` have none that are dead: their rates are Beta, mostly near 0, with another mean in each of three sources, and harder
problems have longer answers, each with its own length. The forecast reads 4 attempts at a quarter of a pool. Then each way trains in the pool
as it is, on binomial outcomes of its true rates. Pools that the model was built on have another seed (70) than those that count (7 and 8).
"""

import argparse
import json
from dataclasses import replace
from typing import Any

import numpy as np

from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.pipelines.analysis.choosing_forecast import (
    WAYS,
    TrainingSize,
    forecast_ways,
    simulate_way,
)
from assay.pipelines.analysis.choosing_worlds import PoolAttempts, World
from benchmarks.claims import RESULTS, hardware

SIZE = TrainingSize(steps=30, groups=8, group_size=8)
PROBLEMS, TRIED, ATTEMPTS, BUDGET = 600, 150, 4, 100
UNTRIED = np.zeros((2, PROBLEMS), dtype=np.int64)
TRAININGS = 3  # per way, of which the first counts for coverage and the mean for regret


def main() -> None:
    """Prints the numbers and writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=24)
    parser.add_argument("--worlds", type=int, default=16)
    parser.add_argument("--family", choices=tuple(FAMILIES), help="one family; the other keeps its numbers")
    given = parser.parse_args()
    place = RESULTS / "choosing_forecasts.json"
    found = json.loads(place.read_text()) if given.family and place.is_file() else {}
    for family in [given.family] if given.family else FAMILIES:
        pools = [of_pool(family, number, given.worlds) for number in range(given.pools)]
        found[family] = {"pools": given.pools, "worlds": given.worlds, **summary(pools), "hardware": hardware()}
        print(family, json.dumps(found[family], indent=1), flush=True)
        RESULTS.mkdir(exist_ok=True)
        place.write_text(json.dumps(found, indent=1) + "\n")


def dead_pool(number: int, seed: int = 7) -> tuple[np.random.Generator, World]:
    """A pool of living and dead problems, and the generator of what follows."""
    rng = np.random.default_rng((seed, number))
    alive, told, longer = rng.uniform(0.05, 0.5), bool(number % 2), rng.uniform(0.5, 4)
    living = rng.random(PROBLEMS) < alive
    rate = np.where(living, rng.beta(2, 6, PROBLEMS), 0.0)
    marked = living | (rng.random(PROBLEMS) < 0.2) if told else rng.random(PROBLEMS) < 0.5
    source, tokens = np.where(marked, "a", "b"), np.where(living, 100.0, 100.0 * longer)
    return rng, World(rate, tokens, source, *UNTRIED, ZeroInflatedBeta.of(2.0, 6.0, zero=1 - alive))


def graded_pool(number: int, seed: int = 8) -> tuple[np.random.Generator, World]:
    """A pool of low rates without an atom, and the generator of what follows."""
    rng = np.random.default_rng((seed, number))
    strength, means = rng.uniform(0.5, 2), rng.uniform(0.02, 0.4, 3)
    place = rng.choice(3, PROBLEMS, p=[0.5, 0.3, 0.2])
    rate = rng.beta(strength * means[place], strength * (1 - means[place]))
    tokens = 100 * (1 + rng.uniform(0, 4) * (1 - rate)) * np.exp(rng.normal(0, 0.3, PROBLEMS))
    mean = float(means[place].mean())
    prior = ZeroInflatedBeta.of(strength * mean, strength * (1 - mean))
    return rng, World(rate, tokens, np.array(["a", "b", "c"])[place], *UNTRIED, prior)


FAMILIES = {"dead": dead_pool, "graded": graded_pool}


def of_pool(family: str, number: int, worlds: int) -> dict[str, Any]:
    """Forecast and trainings of one pool."""
    rng, pool = FAMILIES[family](number)
    asked = np.isin(np.arange(PROBLEMS), rng.permutation(PROBLEMS)[:TRIED])
    correct = rng.binomial(ATTEMPTS, pool.rate) * asked
    seen = PoolAttempts(correct, ATTEMPTS * asked - correct, np.where(asked, pool.tokens, np.nan), pool.source)
    forecast = forecast_ways(seen, SIZE, budget=BUDGET, worlds=worlds, seed=number)
    world = replace(pool, stored=ATTEMPTS * asked, right=correct)
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
