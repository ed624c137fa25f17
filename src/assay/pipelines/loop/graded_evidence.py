"""The rewards behind a refresh's scores: those that training's last steps stored, and those of new attempts."""

from collections.abc import Callable, Mapping
from typing import Any

from assay.core.types import AttemptStats, Counts, Label, Outcome, Problem, Score
from assay.pipelines.context.run import RunContext
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.rewards import GRADED, store_missing_terms, token_caps
from assay.scorers.pass_rate.rewards import PoolRewards

TRAINED = """
WITH ages AS (
    SELECT DISTINCT policy, max(step) OVER () - step AS age FROM train_metrics
    WHERE name = 'reward' AND training = $training AND policy NOT IN (SELECT policy FROM superseded)
)
SELECT r.problem_id, r.rollout_id AS id, r.counts AS outcome, r.counted_reward AS reward
FROM ages a JOIN judged_attempts($mode) r ON r.policy = a.policy
WHERE a.age < $last AND r.sampler = $sampler AND r.label_id IN (SELECT unnest($labels::VARCHAR[]))
  AND r.judge IN (SELECT unnest($versions::VARCHAR[]))
ORDER BY r.problem_id, a.age DESC, r.rollout_id
"""
TERMS = """
SELECT rollout_id, term, any_value(value) AS value FROM reward_terms
WHERE rollout_id IN (SELECT unnest(?::VARCHAR[])) AND term || ' ' || version IN (SELECT unnest(?::VARCHAR[]))
GROUP BY ALL
"""
Rewards = tuple[tuple[float, Outcome], ...]


def read_training_rewards(context: RunContext, training: str, labels: Mapping[str, Label]) -> dict[str, Rewards]:
    """Read the rewards of a training's last steps, as `[train.reward]` composes them now.

    Args:
        context: the run.
        training: the training's key.
        labels: the labels by which the attempts are judged, by problem id.

    Returns:
        {problem id: (reward, outcome) of each judged attempt}, for the problems that these steps met.
    """
    sampler = context.config.policy.sampler.id
    parameters = {
        "training": training,
        "mode": context.mode,
        "last": context.config.loop.recent_steps,
        "sampler": sampler,
        "labels": sorted(label.id for label in labels.values()),
        "versions": sorted({f"{label.verifier}@{context.judge.version(label.verifier)}" for label in labels.values()}),
    }
    rows = [row for row in context.lake.rows(TRAINED, parameters) if row["outcome"] in GRADED]
    terms, values = context.config.train.reward.terms, _read_terms(context, rows, sampler)
    rewards: dict[str, list[tuple[float, Outcome]]] = {}
    for row in rows:
        outcome: Outcome = row["outcome"]
        correctness = float(outcome == "correct") if row["reward"] is None else float(row["reward"])
        total = terms.total(correctness, values.get(row["id"], {}))
        rewards.setdefault(row["problem_id"], []).append((total, outcome))
    return {id_: tuple(pairs) for id_, pairs in rewards.items()}


def _read_terms(context: RunContext, rows: list[dict[str, Any]], sampler: str) -> dict[str, dict[str, float]]:
    terms, values = context.config.train.reward.terms, dict[str, dict[str, float]]()
    if not terms.extra or not rows:
        return values
    cap = token_caps(context).get(sampler, 0)
    store_missing_terms(context, sorted({row["problem_id"] for row in rows}), {sampler: cap})
    term_names = [f"{name} {terms.version(name, cap)}" for name in terms.extra]
    for row in context.lake.rows(TERMS, [[row["id"] for row in rows], term_names]):
        values.setdefault(row["rollout_id"], {})[row["term"]] = row["value"]
    return values


def describe_rewards(
    trained: Mapping[str, Rewards],
    fresh: Mapping[str, AttemptStats],
    attempts: StoredRollouts,
    problems: Mapping[str, Problem],
    *,
    counted: Callable[[Outcome], bool],
    level: float,
) -> dict[str, dict[str, Any]]:
    """Return the columns of graded rewards of each problem, as `score` writes them.

    Args:
        trained: rewards of training's attempts, of the problems for which these count.
        fresh: new attempts, by problem.
        attempts: where the new ones lie.
        problems: with their sources.
        counted: whether attempts of an outcome are evidence.
        level: of the interval of the mean reward.

    Returns:
        {problem id: columns}; a problem whose rewards are 1 for correct and 0 for all else has none.
    """
    drawn_rewards = attempts.attempt_rewards({id_: stats.counts.total for id_, stats in fresh.items()})
    pairs = {
        id_: (*trained.get(id_, ()), *(drawn_rewards[id_].rewards if id_ in drawn_rewards else _plain(fresh, id_)))
        for id_ in {*trained, *fresh}
    }
    counted_pairs = {id_: tuple(pair for pair in own if counted(pair[1])) for id_, own in pairs.items()}
    pool = PoolRewards(counted_pairs, {id_: problems[id_].source for id_ in counted_pairs}, attempts.reward_bounds)
    scores = pool.describe([Score(id_, "pass_rate", 0.0, 0.0, 0.0) for id_ in sorted(counted_pairs)], level=level)
    return {score.problem_id: _columns(score) for score in scores if score.rewards is not None}


def _plain(fresh: Mapping[str, AttemptStats], id_: str) -> Rewards:
    """Return new attempts as rewards, where none of them is graded."""
    counts = fresh[id_].counts if id_ in fresh else Counts()
    right: Rewards = ((1.0, "correct"),) * counts.correct
    return (*right, *((0.0, "wrong"),) * counts.wrong, *((0.0, "truncated"),) * counts.truncated)


def _columns(score: Score) -> dict[str, Any]:
    numbers = ("reward_mean", "reward_sd", "reward_low", "reward_high")
    statistics = {name: getattr(score, name) for name in numbers if getattr(score, name) is not None}
    rewards = [{"reward": reward, "correct": right, "n": n} for reward, right, n in score.rewards or ()]
    return {**statistics, "rewards": rewards}
