"""What a training was worth: pass@1 and pass@k on held-out problems before, during and after, and how far the frontier moved."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.maths.rl.evaluation import count_moves, mean_interval, paired_difference, pass_at
from assay.pipelines.context.results import StageKey, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side
from assay.pipelines.data.scores import current_scores
from assay.pipelines.loop.checkpoints import checkpoint, on
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.stages.train import Train

Counted = dict[str, tuple[int, int]]  # {problem id: right, attempts}

EVALUATED = """
SELECT DISTINCT step, policy FROM train_metrics
WHERE training = ? AND name = 'eval_pass_at_1' AND policy NOT IN (SELECT policy FROM superseded) ORDER BY step
"""
OUTCOMES = """
SELECT r.problem_id, count(*) FILTER (v.outcome = 'correct') AS correct, count(*) FILTER (v.outcome <> 'verifier_error') AS attempts
FROM rollouts r JOIN (SELECT rollout_id, label_id, counted(outcome, lenient, ?) AS outcome FROM verdicts) v ON v.rollout_id = r.id
WHERE r.policy = ? AND v.label_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY r.problem_id ORDER BY r.problem_id
"""


def evaluate(context: RunContext, *, samples: int = 8, band: tuple[float, float] = (0.1, 0.9)) -> dict[str, Any]:
    """{training, points: one a policy with pass@1, pass@k, and the paired difference to the first; frontier: how it moved}.

    Points come from the attempts that `train.eval_every` made. Where there are none, the base and the last checkpoint are attempted now,
    `samples` times a problem, by the engine transformers; these attempts stay in the lake too.

    Raises:
        ConfigError: nothing is held out, or the training is not done.
        Stopped: the run was asked to stop; what arrived is committed.
    """
    inputs = done_stages(context, "", "train eval")
    key = Train(context, inputs).key.rows
    return {
        "training": key,
        "points": points(counted(context, inputs, key, samples)),
        "frontier": frontier(context, inputs, key, band),
        "tokens": context.meter.tokens,
    }


def counted(context: RunContext, inputs: StageResults, key: str, samples: int) -> list[tuple[str, Counted]]:
    """Held-out outcomes of one training, policy by policy: what `train.eval_every` stored, else base and checkpoint attempted `samples` times.

    Raises:
        ConfigError, Stopped: as `evaluate`.
    """
    stored = _stored(context, inputs, key)
    if stored and context.config.train.average:
        return [
            *stored,
            ("average", _now(context, inputs, key, samples)[-1][1]),
        ]  # in training the weights are attempted as they are
    return stored or _now(context, inputs, key, samples)


def points(told: Sequence[tuple[str, Counted]]) -> list[dict[str, Any]]:
    """One row a policy, in order: its rates with their intervals, and the difference to the first on the problems that both attempted."""
    rows = []
    for name, counts in told:
        k = min((attempts for _, attempts in counts.values()), default=0)
        row: dict[str, Any] = {"policy": name, "problems": len(counts), "k": k}
        row["pass_at_1"] = mean_interval(_rates(counts, 1))
        row["pass_at_k"] = mean_interval(_rates(counts, k)) if k else (float("nan"),) * 3
        row["difference"] = difference(told[0][1], counts) if counts is not told[0][1] else None
        rows.append(row)
    return rows


def difference(before: Counted, after: Counted) -> tuple[float, float, float]:
    """pass@1 after - before on the problems of both, with its 95% interval.

    Raises:
        ConfigError: they share no problem.
    """
    shared = sorted(before.keys() & after.keys())
    if not shared:
        raise ConfigError(
            f"{len(before)} and {len(after)} problems were attempted, and none by both: nothing can be paired"
        )
    first, second = ({id_: counts[id_] for id_ in shared} for counts in (before, after))
    return paired_difference(_rates(first, 1), _rates(second, 1))


def frontier(context: RunContext, inputs: StageResults, key: str, band: tuple[float, float]) -> dict[str, int]:
    """Of the trained problems that were within the band when they were scored: how many still are, by the last steps' attempts."""
    scores = {row["problem_id"]: row["value"] for row in current_scores(context, inputs.rows_of("score"))}
    rows = context.lake.rows(
        "SELECT problem_id, mean FROM recent_pass_rates WHERE training = ? ORDER BY problem_id", [key]
    )
    both = [(scores[row["problem_id"]], row["mean"]) for row in rows if scores.get(row["problem_id"]) is not None]
    before, after = np.array([pair[0] for pair in both]), np.array([pair[1] for pair in both])
    return count_moves(before, after, *band)


def last_counts(context: RunContext, samples: int) -> Counted:
    """The held-out outcomes of what a plan's training left: the policy after its last step, or the average that took its place.

    Raises:
        ConfigError: as `evaluate`.
    """
    inputs = done_stages(context, "", "train compare")
    return counted(context, inputs, Train(context, inputs).key.rows, samples)[-1][1]


def _rates(counts: Mapping[str, tuple[int, int]], k: int) -> Any:
    pairs = [counts[id_] for id_ in sorted(counts)]
    return pass_at(k, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def _stored(context: RunContext, inputs: StageResults, key: str) -> list[tuple[str, Counted]]:
    labels = sorted(label.id for label in side(context, inputs, "held_out")[1].values())
    found = context.lake.rows(EVALUATED, [key])
    return [
        (f"step {row['step']}", _counts(context.lake.rows(OUTCOMES, [context.mode, row["policy"], labels])))
        for row in found
    ]


def _counts(rows: Sequence[Mapping[str, Any]]) -> Counted:
    return {row["problem_id"]: (row["correct"], row["attempts"]) for row in rows if row["attempts"]}


def _now(context: RunContext, inputs: StageResults, key: str, samples: int) -> list[tuple[str, Counted]]:
    done = context.finished("train", StageKey.of(key))
    if done is None:
        raise ConfigError("train eval needs a finished training: `train run PLAN` first")
    last = checkpoint(context, key)
    return [
        (name, _attempted(context, inputs, model, samples))
        for name, model in (("before", context.config.policy.model), ("after", str(last)))
    ]


def _attempted(context: RunContext, inputs: StageResults, model: str, samples: int) -> Counted:
    """Outcomes of one model on the held-out problems, stored attempts first, under training's sampler."""
    policy = on(context.config.policy, model, "transformers")
    with closing(context.beside(context.config.model_copy(update={"policy": policy}))) as other:
        problems, labels = side(other, inputs, "held_out")
        ids = sorted(problems)[: context.config.train.eval_problems]
        if not ids:
            raise ConfigError("nothing is held out to evaluate on: split.held_out is 0")
        attempts = StoredRollouts(
            other, {id_: problems[id_] for id_ in ids}, labels, sampler=context.config.train_sampler
        )
        found: Mapping[str, Counts] = attempts.draw(dict.fromkeys(ids, samples))
    return {
        id_: (counts.correct, counts.total - counts.error)
        for id_, counts in found.items()
        if counts.total > counts.error
    }
