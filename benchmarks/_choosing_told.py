"""What `curate analyze value` forecasts for the pools of `choosing_study`, from a pilot, and how the runs that followed compare."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.identity import content_id
from assay.pipelines.analysis.choosing_forecast import WAYS, TrainingSize, forecast_ways
from assay.pipelines.analysis.choosing_worlds import PoolAttempts
from assay.verifiers.pool.grader import Grader
from benchmarks._choosing_run import Setup, attempts_of, pool_of

PILOT, ATTEMPTS, PILOT_SEED = 600, 4, 1_000_003  # problems and attempts of the pilot; its seed is no run's
WORLDS = 24
WAY_OF_ARM = {
    "uniform": "uniform",
    "dynamic": "dynamic",
    "pilot_groups": "pilot groups",
    "bins": "bins by source",
    "posterior without scores": "posterior without scores",
}


def forecast_pool(setup: Setup, drift: float) -> dict[str, Any]:
    """Forecast the trainings of one pool from a pilot; the number of digits stands for the source.

    Returns:
        {setup, pool, drift, rows: of `forecast_ways` for one use, hash: of all these}.
    """
    pool = pool_of(setup.alive_share, setup.family, setup.mess)
    with Grader(workers=1) as grader:
        ids, rollouts, verdicts = attempts_of(setup, pool, grader, ATTEMPTS, PILOT, PILOT_SEED)
    everyone = sorted(pool.problems)
    place = {id_: row for row, id_ in enumerate(everyone)}
    correct, tried, tokens = np.zeros((3, len(everyone)), dtype=np.int64)
    for rollout, verdict in zip(rollouts, verdicts, strict=True):
        row = place[rollout.problem_id]
        correct[row] += verdict.outcome == "correct"
        tried[row] += 1
        tokens[row] += rollout.tokens
    mean = np.divide(tokens, tried, out=np.full(len(everyone), np.nan), where=tried > 0)
    source = np.array([f"{pool.digits[id_]} digits" for id_ in everyone])
    size = TrainingSize(setup.budget // (setup.groups * setup.group_size), setup.groups, setup.group_size)
    ways = [way for way in WAYS if way.name in WAY_OF_ARM.values()]
    seen = PoolAttempts(correct, tried - correct, mean, source)
    found = forecast_ways(seen, size, ways=ways, worlds=WORLDS, drift=drift, seed=0)
    told = {"setup": setup.key, "pool": setup.alive_share, "drift": drift, "pilot": len(ids), "rows": found["rows"]}
    return {**told, "hash": content_id("forecast", told)[:12]}


def compare_runs(forecasts: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Set each run beside its forecast: generated tokens per mixed group over the first tenth and over the whole run."""
    rows = []
    for told in forecasts:
        spans = {row["way"]: row for row in told["rows"] if row["uses"] == 1}
        for run in runs:
            way = WAY_OF_ARM.get(run["arm"])
            if way is None or run["setup"] != told["setup"]:
                continue
            for part, paid in (("first_tenth", 0.1), ("whole", 1.0)):
                found = tokens_per_mixed(run, paid)
                low, middle, high = spans[way][part]
                shared = {"pool": told["pool"], "drift": told["drift"], "arm": run["arm"], "seed": run["seed"]}
                inside = low <= found <= high
                rows.append({**shared, "part": part, "run": found, "told": (low, middle, high), "inside": inside})
    return rows


def tokens_per_mixed(run: Mapping[str, Any], share: float) -> float:
    """Generated tokens per mixed group until the last measured point within this share of the run's rollouts."""
    points = run["points"]
    end = points[-1]["rollouts"] * share
    last = [point for point in points if point["rollouts"] <= end and point["mixed"]] or points[-1:]
    return float(last[-1]["tokens"] / max(1, last[-1]["mixed"]))
