"""What choosing would be worth on a config's pool, from the attempts that its lake holds; nothing is generated."""

from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.pipelines.analysis.choosing_forecast import PoolAttempts, TrainingSize, forecast_ways
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side
from assay.pipelines.runner.stages import done_stages

LEAST = 40  # attempted problems below which a forecast would be a guess
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
    problems, _ = side(context, inputs, "train")
    attempts = read_attempts(context, {id_: problem.source for id_, problem in problems.items()})
    attempted = int((attempts.tried > 0).sum())
    if attempted < LEAST:
        raise ConfigError(
            f"{attempted} of {len(problems)} problems were attempted, and a forecast needs {LEAST}: "
            "`curate estimate CONFIG --pilot 100` attempts some, and `curate score` all"
        )
    train = context.config.train
    size = TrainingSize(train.steps, train.problems_per_step, train.group_size)
    budget = context.config.select.budget
    found = forecast_ways(attempts, size, budget=budget, worlds=worlds, drift=drift, seed=context.config.seed)
    return {
        "problems": len(problems),
        "attempted": attempted,
        "steps": train.steps,
        "groups": train.problems_per_step,
        "group_size": train.group_size,
        "drift": drift,
        **found,
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
