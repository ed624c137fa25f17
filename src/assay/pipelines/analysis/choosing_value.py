"""What choosing would be worth on a config's pool, from the attempts that its lake holds; nothing is generated."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.pipelines.analysis.choosing_forecast import MAX_STEPS, TrainingSize, forecast_ways
from assay.pipelines.analysis.choosing_worlds import PoolAttempts
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side_sources
from assay.pipelines.runner.stages import done_stages

LEAST = 40  # attempted problems below which a forecast would be a guess
REPORT_WORLDS, REPORT_STEPS, REPORT_PROBLEMS = 12, 30, 20_000  # of a report's forecast, which takes seconds
COUNTS = """
SELECT problem_id, sum(n_correct) AS correct, sum(n_wrong) AS wrong, sum(n_truncated) AS truncated,
       sum(tokens) / sum(n) AS tokens
FROM pass_rates WHERE policy = ? AND sampler = ? GROUP BY problem_id
"""


def estimate_value(context: RunContext, *, worlds: int = 24, drift: float = 0.0) -> dict[str, Any]:
    """Forecast for each way of choosing what a mixed group would cost in a training of the config's size.

    Args:
        context: the run; its pool must be split, and some of its train side attempted by the policy.
        worlds: states of the pool that are simulated.
        drift: logits that every pass rate between 0 and 1 gains over the run.

    Returns:
        {problems, attempted, steps, groups, group_size, drift, rows, best, pays} (`choosing_forecast.forecast_ways`).

    Raises:
        ConfigError: a stage before the split is not done, or too few problems were attempted.
    """
    inputs = done_stages(context, "split", "a forecast of value")
    attempts = read_attempts(context, side_sources(context, inputs, "train"))
    attempted = int((attempts.tried > 0).sum())
    if attempted < LEAST:
        raise ConfigError(
            f"{attempted} of {len(attempts.tried)} problems were attempted, but a forecast needs {LEAST}; "
            "attempt some with `curate estimate CONFIG --pilot 100`, or all with `curate score CONFIG`"
        )
    return _forecast(context, attempts, worlds=worlds, drift=drift)


def summarize_value(context: RunContext, results: StageResults) -> dict[str, Any] | None:
    """Forecast as `estimate_value` does for a report: with fewer states of the pool and shorter trainings.

    Args:
        context: the run.
        results: of the stages that are done.

    Returns:
        What `estimate_value` returns; None where the pool is not split or is large, or too few problems were attempted.
    """
    if "split" not in results:
        return None
    sources = side_sources(context, results, "train")
    if len(sources) > REPORT_PROBLEMS:
        return None
    attempts = read_attempts(context, sources)
    if (attempts.tried > 0).sum() < LEAST:
        return None
    return _forecast(context, attempts, worlds=REPORT_WORLDS, max_steps=REPORT_STEPS)


def describe_value(estimate: Mapping[str, Any]) -> str:
    """Return the sentence that answers whether choosing pays.

    Args:
        estimate: as of `estimate_value`.
    """
    row = next(row for row in estimate["rows"] if row["way"] == estimate["best"] and row["uses"] == 1)
    low, middle, high = row["gain"]
    times = f"{middle:.2f} [{low:.2f}, {high:.2f}] times cheaper"
    if not estimate["pays"]:
        return f"Choosing will not pay on this pool for one training: the best way is {times}."
    return f"Cheapest for one training: {estimate['best']}, {times} than uniform."


def _forecast(
    context: RunContext, attempts: PoolAttempts, *, worlds: int, drift: float = 0.0, max_steps: int = MAX_STEPS
) -> dict[str, Any]:
    train = context.config.train
    ways = forecast_ways(
        attempts,
        TrainingSize(train.steps, train.problems_per_step, train.group_size),
        budget=context.config.select.budget,
        worlds=worlds,
        drift=drift,
        seed=context.config.seed,
        max_steps=max_steps,
    )
    return {
        "problems": len(attempts.tried),
        "attempted": int((attempts.tried > 0).sum()),
        "steps": train.steps,
        "groups": train.problems_per_step,
        "group_size": train.group_size,
        "drift": drift,
        **ways,
    }


def read_attempts(context: RunContext, sources: dict[str, str]) -> PoolAttempts:
    """Read the counts and tokens of the policy's stored attempts, cut ones wrong, in the order of the problem ids."""
    parameters = [context.policy.revision, context.sampler.id]
    rows = {row["problem_id"]: row for row in context.lake.rows(COUNTS, parameters)}
    ids = sorted(sources)
    table = np.array(
        [
            (row["correct"], row["wrong"] + row["truncated"], row["tokens"])
            if (row := rows.get(id_))
            else (0, 0, np.nan)
            for id_ in ids
        ],
        dtype=np.float64,
    ).reshape(-1, 3)
    counts = np.nan_to_num(table[:, :2]).astype(np.int64)
    return PoolAttempts(counts[:, 0], counts[:, 1], table[:, 2], np.array([sources[id_] or "-" for id_ in ids]))
