"""Stored attempts of any policy of the lake, judged by the present labels and verifiers."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.errors import ConfigError, suggest_names
from assay.core.types import Counts, Label
from assay.pipelines.context.imported import list_imported_verifiers, match_imported_labels
from assay.pipelines.context.run import RunContext

RESPONDENT = """
SELECT policy, sampler FROM attempts WHERE (policy_name = ? OR policy = ?) AND step IS NULL AND NOT guided
GROUP BY policy, sampler ORDER BY count(*) DESC, policy, sampler LIMIT 1
"""
COUNTS = """
SELECT problem_id, counts AS outcome, count(DISTINCT rollout_id) AS n FROM present_verdicts(?, ?, ?, ?, ?)
WHERE step IS NULL GROUP BY ALL ORDER BY problem_id, outcome
"""


def find_respondent(context: RunContext, policy: str) -> list[str]:
    """Return a policy's revision, and the id of the sampling config under which it has the most attempts.

    Args:
        context: with the lake.
        policy: name or revision.

    Raises:
        ConfigError: the lake has no attempt of it.
    """
    respondents = context.lake.rows(RESPONDENT, [policy, policy])
    if not respondents:
        policies = context.lake.rows("SELECT DISTINCT policy_name, policy FROM rollouts WHERE step IS NULL")
        names = {name for row in policies for name in row.values()}
        raise ConfigError(f"no attempts of policy {policy!r} are stored; {suggest_names(policy, names)}")
    return [respondents[0]["policy"], respondents[0]["sampler"]]


def count_stored(context: RunContext, labels: Mapping[str, Label], policy: str) -> dict[str, Counts]:
    """Count a policy's stored attempts under the sampling config with the most of them, training's left out.

    Args:
        context: with lake and judge.
        labels: the present label of each problem.
        policy: name or revision.

    Returns:
        {problem id: counts}, of problems with an attempt that was judged.

    Raises:
        ConfigError: the lake has no attempt of the policy.
    """
    counts: dict[str, Counts] = {}
    respondent = find_respondent(context, policy)
    parameters: list[Any] = [context.mode, *respondent, *respondent_verdicts(context, labels, respondent)]
    for row in context.lake.rows(COUNTS, parameters):
        if row["problem_id"] in labels:
            so_far = counts.get(row["problem_id"], Counts())
            counts[row["problem_id"]] = so_far.plus(row["outcome"], row["n"])
    return counts


def respondent_verdicts(context: RunContext, labels: Mapping[str, Label], respondent: Sequence[str]) -> list[list[str]]:
    """Return the labels and `name@version` of the verdicts that count of a respondent: imported with it, or ours.

    Args:
        context: with lake and judge.
        labels: the present label of each problem; verdicts that were imported under another gold do not count.
        respondent: revision of the policy, and id of the sampling config.
    """
    policy, sampler = respondent
    if imported := list_imported_verifiers(context.lake, policy, sampler)[:1]:
        return [match_imported_labels(context.lake, policy, sampler, labels)[0], imported]
    own = {f"{name}@{context.judge.version(name)}" for name in {label.verifier for label in labels.values()}}
    return [sorted(label.id for label in labels.values()), sorted(own)]


def verdict_parameters(context: RunContext, labels: Mapping[str, Label]) -> list[list[str]]:
    """Return the ids of present labels, and their verifiers with their versions."""
    return list(context.counted_verdicts(labels))
