"""What was paid, run by run and policy by policy, and what the rest is expected to cost."""

import math
from typing import Any

from assay.core.errors import ConfigError, EngineError
from assay.pipelines.analysis.cost_estimate import estimate_disk
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import survey_stages
from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys

MEASURED = 400  # problems whose tokens the forecast rests on
# each step of a training is a revision of its own: they are one row
PAID = r"""
SELECT CASE WHEN from_training THEN regexp_replace(policy_name, '[+]step-\d+([+]attempt-\d+)?$', '') ELSE policy_name END AS policy_name,
       engine, from_training, count(DISTINCT policy) AS revisions, sum(rollouts)::BIGINT AS rollouts, sum(tokens)::BIGINT AS tokens,
       sum(prompt_tokens)::BIGINT AS prompt_tokens
FROM costs GROUP BY ALL ORDER BY tokens DESC, policy_name
"""
WASTE = """
SELECT outcome, count(*) AS attempts, sum(tokens)::BIGINT AS tokens FROM (
    SELECT any_value(r.tokens) AS tokens, arg_max(v.outcome, v.version) AS outcome FROM attempts r JOIN verdicts v ON v.rollout_id = r.id
    WHERE r.policy = ? AND r.sampler = ? AND r.step IS NULL GROUP BY hash(r.id)
) GROUP BY outcome ORDER BY tokens DESC
"""
BARS = 24  # of the lengths at most
WIDTHS = [1, 2, 5, *sorted(step * 10**power for step in (10, 15, 20, 25, 50) for power in range(5))]  # tokens of a bar
LENGTHS = f"""
WITH own AS (SELECT tokens, count(*) AS attempts FROM rollouts WHERE policy = ? AND sampler = ? GROUP BY tokens),
wide AS (SELECT *, coalesce(list_filter({WIDTHS}, lambda w: w * {BARS} >= longest)[1], longest) AS width
         FROM own, (SELECT max(tokens) AS longest FROM own))
SELECT greatest(0, ceil(tokens / width) - 1)::INT AS bin, sum(attempts)::BIGINT AS attempts, any_value(width)::BIGINT AS width
FROM wide GROUP BY bin ORDER BY bin
"""
OVER_TIME = """
SELECT run, any_value(command) AS command, min(time) AS started, max(tokens) AS tokens, max(samples) AS samples, max(seconds) AS seconds
FROM runs GROUP BY run HAVING max(tokens) > 0 OR max(seconds) > 0 ORDER BY started LIMIT 200
"""
PER_PROBLEM = """
WITH own AS (SELECT hash(problem_id) AS problem, tokens FROM attempts WHERE policy = $1 AND sampler = $2 AND step IS NULL),
     first AS (SELECT problem FROM own GROUP BY problem ORDER BY problem LIMIT $3)
SELECT sum(tokens)::BIGINT AS tokens, count(*) AS attempts FROM own SEMI JOIN first USING (problem)
GROUP BY problem ORDER BY problem
"""


def costs(reader: LakeReader, keys: ViewKeys) -> dict[str, Any]:
    """Collect what was paid.

    Args:
        reader: the lake.
        keys: whose attempts are divided by outcome.
    """
    mine = [keys.policy, keys.sampler]
    problems = reader.rows(PER_PROBLEM, [*mine, MEASURED])
    attempts = sum(row["attempts"] for row in problems)
    return {
        "paid": reader.rows(PAID),
        "outcomes": reader.rows(WASTE, mine),
        "lengths": reader.rows(LENGTHS, mine),
        "runs": reader.rows(OVER_TIME),
        "tokens_per_attempt": sum(row["tokens"] for row in problems) / attempts if attempts else None,
        "per_problem": [row["tokens"] for row in problems],
    }


def forecast(context: RunContext, per_problem: list[int]) -> dict[str, Any]:
    """Say what is left of a config, and what it is expected to cost by what stored attempts cost.

    Args:
        context: the run.
        per_problem: tokens of problems that were attempted.

    Returns:
        {next: the stage that is not done, "" = none; left: counts by unit; tokens: 80% interval of the tokens of the
        attempts that are left, None where nothing is measured; level; disk}.
    """
    from assay.pipelines.analysis.cost_estimate import LEVEL, total_interval  # scipy: half of the page's start

    try:
        following = survey_stages(context).following
    except (ConfigError, EngineError) as error:
        return {"next": "", "left": {}, "tokens": None, "level": LEVEL, "problem": str(error)}
    if following is None:
        return {
            "next": "",
            "left": {},
            "tokens": [0.0, 0.0],
            "level": LEVEL,
            "disk": estimate_disk(context, "done", following_nothing()),
        }
    remaining = following.remaining()
    tokens = None
    if following.name == "score" and remaining.problems and per_problem:
        low, high = total_interval(per_problem, float(remaining.problems))
        tokens = [low, high if math.isfinite(high) else None]
    state = (
        "next" if following.name == "score" else "later" if following.name in ("ingest", "clean", "split") else "done"
    )
    return {
        "next": following.name,
        "left": remaining.by_unit,
        "tokens": tokens,
        "level": LEVEL,
        "disk": estimate_disk(context, state, remaining),
    }


def following_nothing() -> Any:
    """Return what is left where nothing is."""
    from assay.pipelines.context.results import Remaining

    return Remaining()
