"""Which selections rest on evidence that has since grown, been judged anew, or been left behind by the policy."""

from typing import Any

from assay.core.errors import ConfigError
from assay.pipelines.context.results import StageKey, StageResults
from assay.pipelines.context.run import RunContext

# Attempts behind the scores that each selection read, beside the attempts of the same problems, policy, sampler and verifier version now.
EVIDENCE = """
WITH made AS (
    SELECT s.key, json_extract_string(s.detail, '$.scoring') AS scoring, s.rows_out AS kept, r.time
    FROM stages s LEFT JOIN (SELECT run, min(time) AS time FROM runs WHERE event = 'start' GROUP BY run) r ON r.run = s.run WHERE s.stage = 'select'
), read AS (
    SELECT scoring_id AS scoring, problem_id, policy, sampler, verifier, max(n_correct + n_wrong + n_truncated + n_error) AS n
    FROM scores WHERE scoring_id IN (SELECT scoring FROM made) GROUP BY ALL
), refreshed AS (
    SELECT scoring, any_value(policy) AS policy
    FROM (SELECT unnest(?::VARCHAR[]) AS scoring, unnest(?::VARCHAR[]) AS policy) GROUP BY ALL
), held AS (
    SELECT problem_id, policy, sampler, verifier || '@' || version AS verifier, max(n) AS n FROM pass_rates GROUP BY ALL
), grown AS (
    SELECT scoring, coalesce(any_value(refreshed.policy), any_value(read.policy)) AS policy, any_value(sampler) AS sampler,
           list(DISTINCT verifier ORDER BY verifier) AS verifiers,
           sum(greatest(0, coalesce(held.n, 0) - read.n))::BIGINT AS newer
    FROM read LEFT JOIN held USING (problem_id, policy, sampler, verifier) LEFT JOIN refreshed USING (scoring)
    GROUP BY scoring
)
SELECT key AS selection, kept, time, policy, sampler, verifiers, newer FROM made LEFT JOIN grown USING (scoring) ORDER BY time, selection
"""
MOVED = """
SELECT r.policy, count(*) AS n FROM rollouts r JOIN (SELECT run, time FROM runs WHERE event = 'start') USING (run)
WHERE step IS NOT NULL AND time > ? AND r.policy <> ? GROUP BY r.policy ORDER BY max(time) DESC, max(step) DESC
"""
REFRESHES = "SELECT key, json_extract_string(detail, '$.policy') AS policy FROM stages WHERE stage = 'refresh'"
REFRESHED = """
SELECT json_extract_string(detail, '$.policy') AS policy FROM stages WHERE stage = 'refresh' AND json_extract_string(detail, '$.selection') = ?
"""


def selections(context: RunContext, results: StageResults) -> list[dict[str, Any]]:
    """Every selection of the lake, oldest first: how many it kept, whether it is stale (None = unknown), and why; `plan` marks the run's own."""
    own = results.rows_of("select") if "select" in results else None
    return [
        {
            "selection": row["selection"],
            "kept": row["kept"],
            "plan": row["selection"] == own,
            "stale": None if row["policy"] is None else bool(_reasons(context, row)),
            "why": "; ".join(_reasons(context, row)),
        }
        for row in context.lake.rows(EVIDENCE, _refreshed(context))
    ]


def _refreshed(context: RunContext) -> list[list[str]]:
    """The scorings that refreshes of this lake have written, and the policy of each."""
    rows = context.lake.rows(REFRESHES)
    return [[StageKey.parse(row["key"]).rows for row in rows], [row["policy"] for row in rows]]


def _reasons(context: RunContext, row: dict[str, Any]) -> list[str]:
    if row["policy"] is None:
        return ["its scores are gone, or it was made before selections named them"]
    told = [f"{row['newer']} newer attempts of its policy and sampler"] if row["newer"] else []
    told += [
        f"{verifier} is now {now}" for verifier in row["verifiers"] if (now := _version(context, verifier)) != verifier
    ]
    policy = context.engine.policy
    if policy.revision != row["policy"]:
        told.append(f"made for policy {row['policy']}, and the plan's is {policy.revision}")
    moved = context.lake.rows(MOVED, [row["time"] or 0.0, row["policy"]])
    if moved:
        told.append(f"training has moved on to {moved[0]['policy']} ({sum(each['n'] for each in moved)} attempts)")
    told += [
        f"training on it made policy {each['policy']}, whose pass rates are told"
        for each in context.lake.rows(REFRESHED, [row["selection"]])
    ]
    return told


def _version(context: RunContext, verifier: str) -> str:
    name = verifier.rpartition("@")[0]
    try:
        return f"{name}@{context.judge.version(name)}"
    except ConfigError:
        return f"gone: no verifier {name!r}"
