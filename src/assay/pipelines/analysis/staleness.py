"""Stale selections: the attempts behind them have grown or been judged anew since, or the policy has changed."""

from typing import Any

from assay.core.errors import ConfigError
from assay.pipelines.context.results import StageKey, StageResults
from assay.pipelines.context.run import RunContext

# By selection: how many attempts of the same problems, policy, sampler and verifier version there are beyond those
# behind the scores that it read.
EVIDENCE = """
WITH selected AS (
    SELECT s.key, json_extract_string(s.detail, '$.scoring') AS scoring, s.rows_out AS kept, r.time
    FROM stages s LEFT JOIN (SELECT run, min(time) AS time FROM runs WHERE event = 'start' GROUP BY run) r
    ON r.run = s.run WHERE s.stage = 'select'
), read AS (
    SELECT scoring_id AS scoring, problem_id, policy, sampler, verifier,
           max(n_correct + n_wrong + n_truncated + n_error) AS n
    FROM scores WHERE scoring_id IN (SELECT scoring FROM selected) GROUP BY ALL
), refreshed AS (
    SELECT scoring, any_value(policy) AS policy
    FROM (SELECT unnest(?::VARCHAR[]) AS scoring, unnest(?::VARCHAR[]) AS policy) GROUP BY ALL
), held AS (
    SELECT problem_id, policy, sampler, verifier || '@' || version AS verifier, max(n) AS n
    FROM pass_rates GROUP BY ALL
), grown AS (
    SELECT scoring, coalesce(any_value(refreshed.policy), any_value(read.policy)) AS policy,
           any_value(sampler) AS sampler,
           list(DISTINCT verifier ORDER BY verifier) AS verifiers,
           sum(greatest(0, coalesce(held.n, 0) - read.n))::BIGINT AS newer
    FROM read LEFT JOIN held USING (problem_id, policy, sampler, verifier) LEFT JOIN refreshed USING (scoring)
    GROUP BY scoring
)
SELECT key AS selection, kept, time, policy, sampler, verifiers, newer
FROM selected LEFT JOIN grown USING (scoring) ORDER BY time, selection
"""
MOVED = """
SELECT r.policy, count(*) AS n FROM rollouts r JOIN (SELECT run, time FROM runs WHERE event = 'start') USING (run)
WHERE step IS NOT NULL AND time > ? AND r.policy <> ? GROUP BY r.policy ORDER BY max(time) DESC, max(step) DESC
"""
REFRESHES = "SELECT key, json_extract_string(detail, '$.policy') AS policy FROM stages WHERE stage = 'refresh'"
REFRESHED = """
SELECT json_extract_string(detail, '$.policy') AS policy FROM stages
WHERE stage = 'refresh' AND json_extract_string(detail, '$.selection') = ?
"""


def list_selections(context: RunContext, results: StageResults) -> list[dict[str, Any]]:
    """List every selection of the lake, oldest first.

    Args:
        context: the run.
        results: what its stages have come to; its own selection is marked by `plan`.

    Returns:
        Rows of selection (its key), kept (how many problems), plan, stale (None = unknown) and why.
    """
    own = results.rows_of("select") if "select" in results else None
    return [
        {
            "selection": row["selection"],
            "kept": row["kept"],
            "plan": row["selection"] == own,
            "stale": None if row["policy"] is None else bool(_find_reasons(context, row)),
            "why": "; ".join(_find_reasons(context, row)),
        }
        for row in context.lake.rows(EVIDENCE, _read_refreshes(context))
    ]


def _read_refreshes(context: RunContext) -> list[list[str]]:
    """Return the scorings that refreshes of this lake have written, and the policy of each."""
    rows = context.lake.rows(REFRESHES)
    return [[StageKey.parse(row["key"]).rows for row in rows], [row["policy"] for row in rows]]


def _find_reasons(context: RunContext, row: dict[str, Any]) -> list[str]:
    if row["policy"] is None:
        return ["its scores are missing, or it was made before selections recorded them"]
    reasons = [f"{row['newer']} newer attempts of its policy and sampler"] if row["newer"] else []
    reasons += [
        f"{verifier} is now {version}"
        for verifier in row["verifiers"]
        if (version := _present_version(context, verifier)) != verifier
    ]
    policy = context.policy
    if policy.revision != row["policy"]:
        reasons.append(f"made for policy {row['policy']}, and the config's is {policy.revision}")
    moved_rows = context.lake.rows(MOVED, [row["time"] or 0.0, row["policy"]])
    if moved_rows:
        reasons.append(
            f"training has moved on to {moved_rows[0]['policy']} ({sum(moved_row['n'] for moved_row in moved_rows)} "
            "attempts)"
        )
    reasons += [
        f"training on it made policy {moved_row['policy']}, whose pass rates are known"
        for moved_row in context.lake.rows(REFRESHED, [row["selection"]])
    ]
    return reasons


def _present_version(context: RunContext, verifier: str) -> str:
    name = verifier.rpartition("@")[0]
    try:
        return f"{name}@{context.judge.version(name)}"
    except ConfigError:
        return f"missing: no verifier {name!r}"
