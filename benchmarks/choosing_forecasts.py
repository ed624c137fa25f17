"""Are the forecasts of `curate analyze value` right: coverage, error and regret on simulated pools that they have not seen.

    python -m benchmarks.choosing_forecasts [--quick] [--pools 24] [--family dead] [--seed 70]

Pools `dead` have a share of living problems, two sources that tell them apart or not, and dead problems with answers shorter or longer than the
living ones'. Pools `graded` have none that are dead: their rates are Beta, mostly near 0, with another mean in each of three sources, and harder
problems have longer answers, each with its own length. Pools `varied` are more unlike each other: 5 to 100% alive at low to high rates, sources
that tell it more or less, trainings of 15 to 100 steps, selections and pilots of a tenth to half of the pool. The forecast reads 4 attempts at the
pilot, which is a quarter elsewhere. Then each way trains in the pool as it is, on binomial outcomes of its true rates. `floor` is the median error
of the median of four more such trainings: what no forecast can be below. Pools that the model was built on have other seeds (70 to 79).
"""

import argparse
import json
from dataclasses import dataclass, replace
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
TRAININGS = 5  # per way, of which the first counts for coverage and the mean for regret
SEEDS = {"dead": 27, "graded": 28, "varied": 29}  # of the pools that count


def main() -> None:
    """Prints the numbers and writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=24)
    parser.add_argument("--worlds", type=int, default=24)  # as the command
    parser.add_argument("--family", choices=tuple(FAMILIES), help="one family; the other keeps its numbers")
    parser.add_argument("--seed", type=int, default=0, help="of other pools than those that count; nothing is written")
    parser.add_argument("--quick", action="store_true", help="2 pools and 6 worlds: does it run; nothing is written")
    given = parser.parse_args()
    if given.quick:
        given.pools, given.worlds = 2, 6
    place = RESULTS / "choosing_forecasts.json"
    found = json.loads(place.read_text()) if given.family and place.is_file() else {}
    for family in [given.family] if given.family else FAMILIES:
        seed = given.seed or SEEDS[family]
        pools = [of_case(FAMILIES[family](number, seed), number, given.worlds) for number in range(given.pools)]
        result = {"pools": given.pools, "seed": seed, "worlds": given.worlds, **summary(pools), "hardware": hardware()}
        print(family, json.dumps(result, indent=1), flush=True)
        if not (given.seed or given.quick):
            found[family] = result
            RESULTS.mkdir(exist_ok=True)
            place.write_text(json.dumps(found, indent=1) + "\n")


@dataclass(frozen=True)
class Case:
    """One pool, what will be trained in it, and what a pilot has seen of it."""

    rng: np.random.Generator  # of what follows
    pool: World
    size: TrainingSize = SIZE
    budget: int = BUDGET  # problems that a selection keeps
    tried: int = TRIED  # problems of the pilot


def dead_pool(number: int, seed: int) -> Case:
    """A pool of living and dead problems."""
    rng = np.random.default_rng((seed, number))
    alive, told, longer = rng.uniform(0.05, 0.5), bool(number % 2), rng.uniform(0.5, 4)
    living = rng.random(PROBLEMS) < alive
    rate = np.where(living, rng.beta(2, 6, PROBLEMS), 0.0)
    marked = living | (rng.random(PROBLEMS) < 0.2) if told else rng.random(PROBLEMS) < 0.5
    source, tokens = np.where(marked, "a", "b"), np.where(living, 100.0, 100.0 * longer)
    return Case(rng, World(rate, tokens, source, *UNTRIED, ZeroInflatedBeta.of(2.0, 6.0, zero=1 - alive)))


def graded_pool(number: int, seed: int) -> Case:
    """A pool of low rates without an atom."""
    rng = np.random.default_rng((seed, number))
    strength, means = rng.uniform(0.5, 2), rng.uniform(0.02, 0.4, 3)
    place = rng.choice(3, PROBLEMS, p=[0.5, 0.3, 0.2])
    rate = rng.beta(strength * means[place], strength * (1 - means[place]))
    tokens = 100 * (1 + rng.uniform(0, 4) * (1 - rate)) * np.exp(rng.normal(0, 0.3, PROBLEMS))
    mean = float(means[place].mean())
    prior = ZeroInflatedBeta.of(strength * mean, strength * (1 - mean))
    return Case(rng, World(rate, tokens, np.array(["a", "b", "c"])[place], *UNTRIED, prior))


def varied_pool(number: int, seed: int) -> Case:
    """A pool, a training, a selection and a pilot of any size that is met."""
    rng = np.random.default_rng((seed, number))
    alive, mean, strength, longer = rng.uniform(0.05, 1), rng.uniform(0.15, 0.8), rng.uniform(3, 9), rng.uniform(0.5, 4)
    living = rng.random(PROBLEMS) < alive
    rate = np.where(living, rng.beta(strength * mean, strength * (1 - mean), PROBLEMS), 0.0)
    noise = rng.uniform(0, 1)  # 0: the source says which problem is alive; 1: it says nothing
    source = np.where(rng.random(PROBLEMS) < noise, rng.random(PROBLEMS) < 0.5, living)
    tokens = np.where(living, 100.0, 100.0 * longer) * np.exp(rng.normal(0, 0.3, PROBLEMS))
    prior = ZeroInflatedBeta.of(strength * mean, strength * (1 - mean), zero=1 - alive)
    size = TrainingSize(round(np.exp(rng.uniform(np.log(15), np.log(100)))), SIZE.groups, SIZE.group_size)
    budget, tried = (round(PROBLEMS * rng.uniform(0.1, 0.5)) for _ in range(2))
    return Case(rng, World(rate, tokens, np.where(source, "a", "b"), *UNTRIED, prior), size, budget, tried)


FAMILIES = {"dead": dead_pool, "graded": graded_pool, "varied": varied_pool}


def of_case(case: Case, number: int, worlds: int) -> dict[str, Any]:
    """Forecast and trainings of one pool."""
    rng, pool = case.rng, case.pool
    asked = np.isin(np.arange(PROBLEMS), rng.permutation(PROBLEMS)[: case.tried])
    correct = rng.binomial(ATTEMPTS, pool.rate) * asked
    seen = PoolAttempts(correct, ATTEMPTS * asked - correct, np.where(asked, pool.tokens, np.nan), pool.source)
    forecast = forecast_ways(seen, case.size, budget=case.budget, worlds=worlds, seed=number)
    world = replace(pool, stored=ATTEMPTS * asked, right=correct)
    costs = {
        way.name: [
            simulate_way(world, way, case.size, 0.0, (number, k, 1), budget=case.budget).cost(1)
            for k in range(TRAININGS)
        ]
        for way in WAYS
    }
    return {"forecast": forecast, "costs": costs}


def error_of(told: float, cost: float) -> float:
    """The relative error of a cost; none where both are infinite, since no group was mixed."""
    return 0.0 if told == cost else abs(told / cost - 1) if np.isfinite(cost) else float("inf")


def summary(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Coverage and median error of both horizons, and how good the named way is."""
    inside: dict[str, list[bool]] = {"first_tenth": [], "whole": []}
    by_way: dict[str, list[bool]] = {way.name: [] for way in WAYS}
    errors: dict[str, list[float]] = {"first_tenth": [], "whole": []}
    floor: dict[str, list[float]] = {"first_tenth": [], "whole": []}
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
                    errors[part].append(error_of(middle, cost))
                    others = [costs[place] for costs in pool["costs"][row["way"]][1:]]
                    floor[part].append(error_of(float(np.median(others)), cost))
                by_way[row["way"]].append(inside["whole"][-1])
    named = [mean[pool["forecast"]["best"]] / min(mean.values()) - 1 for pool, mean in zip(pools, means, strict=True)]
    always = {way.name: float(np.mean([mean[way.name] / min(mean.values()) - 1 for mean in means])) for way in WAYS}
    return {
        "cells": len(inside["whole"]),
        "coverage": {part: float(np.mean(values)) for part, values in inside.items()},
        "coverage_of_the_whole_run": {name: float(np.mean(values)) for name, values in by_way.items()},
        "median_error": {part: float(np.median(values)) for part, values in errors.items()},
        "floor": {part: float(np.median(values)) for part, values in floor.items()},
        "named_within_10_percent": float(np.mean([regret <= 0.1 for regret in named])),
        "regret_of_the_named": float(np.mean(named)),
        "regret_of_always": always,
    }


if __name__ == "__main__":
    main()
