"""Scores as the lake holds them: the current one of each problem, and the problems whose verdicts are disputed.

A problem is disputed when no attempt solves it strictly and at least one solves it leniently.
"""

from collections.abc import Mapping
from typing import Any

from assay.core.identity import content_id
from assay.core.types import Label
from assay.pipelines.context.run import RunContext
from assay.stores.renames import first_names

DISPUTED = """
SELECT problem_id FROM present_verdicts('lenient', ?, ?, ?, ?) WHERE problem_id IN (
    SELECT problem_id FROM rollouts WHERE id IN (SELECT rollout_id FROM verdicts WHERE lenient = 'correct'))
GROUP BY problem_id HAVING count(*) FILTER (outcome = 'correct') = 0 AND count(*) FILTER (counts = 'correct') > 0
"""


def current_scores(context: RunContext, scoring: str) -> list[dict[str, Any]]:
    """Read each problem's score under one scoring, the one with the most evidence, problem ids ascending."""
    return context.lake.rows("SELECT * FROM current_scores WHERE scoring_id = ? ORDER BY problem_id", [scoring])


def find_disputed(context: RunContext, labels: Mapping[str, Label], policy: str, sampler: str) -> set[str]:
    """Find the problems that no stored attempt solves strictly and at least one solves leniently.

    Args:
        context: its lake and its verifiers.
        labels: the present label of each problem.
        policy: revision of the policy that attempted.
        sampler: id of how it was asked.

    Returns:
        Their ids.
    """
    parameters = [policy, sampler, *context.counted_verdicts(labels)]
    return {row["problem_id"] for row in context.lake.rows(DISPUTED, parameters)}


def disputed_ids(context: RunContext, scoring: str) -> set[str]:
    """Read the ids of the problems whose current score under a scoring is marked as disputed."""
    query = "SELECT problem_id FROM current_scores WHERE scoring_id = ? AND disputed"
    return set(context.lake.query(query, [scoring])["problem_id"].to_pylist())


def score_ids(context: RunContext, scoring: str) -> list[str]:
    """Read the ids of the current scores under a scoring, in the order of their problems."""
    query = "SELECT id FROM current_scores WHERE scoring_id = ? ORDER BY problem_id"
    return list(context.lake.query(query, [scoring])["id"].to_pylist())


def score_id(content: Mapping[str, Any]) -> str:
    """Return the id of a score: the hash of its row without the run, under the names that its columns had at first."""
    return content_id("score", first_names("scores", content))
