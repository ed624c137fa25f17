"""What a training was worth: pass@1 and pass@k on held-out problems, and how far it moved the frontier."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.maths.beta.audit import MarkedSample
from assay.maths.beta.verifier_error import corrected_mean
from assay.maths.rl.evaluation import count_moves, mean_interval, paired_difference, pass_at
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import read_side
from assay.pipelines.data.scores import current_scores
from assay.pipelines.data.verifier_errors import find_sample, load_samples
from assay.pipelines.loop.checkpoints import find_checkpoint, policy_on_checkpoint
from assay.pipelines.runner.stages import plan_training
from assay.pipelines.sampling.attempts import StoredRollouts

Counted = dict[str, tuple[int, int]]  # {problem id: right, attempts}

EVALUATED = """
SELECT DISTINCT step, policy FROM train_metrics
WHERE training = ? AND name = 'eval_pass_at_1' AND policy NOT IN (SELECT policy FROM superseded) ORDER BY step
"""
# one verdict per attempt: that of the present verifier, else the last
OUTCOMES = """
SELECT problem_id, count(*) FILTER (counts = 'correct') AS correct,
       count(*) FILTER (counts <> 'verifier_error') AS attempts
FROM (SELECT * FROM judged_attempts(?) WHERE policy = ? AND label_id IN (SELECT unnest(?::VARCHAR[]))
      QUALIFY row_number() OVER (
          PARTITION BY rollout_id ORDER BY list_contains(?::VARCHAR[], judge) DESC, version DESC) = 1)
GROUP BY problem_id ORDER BY problem_id
"""


def evaluate(
    context: RunContext, *, samples: int = 8, band: tuple[float, float] = (0.1, 0.9), kind: str = "grpo"
) -> dict[str, Any]:
    """Evaluate the config's training on held-out problems.

    Points come from the attempts that `train.eval_every` stored. Where there are none, the base policy and the last
    checkpoint are attempted now by the engine transformers; these attempts stay in the lake too.

    Args:
        context: the run.
        samples: attempts per problem that are made where none is stored.
        band: the pass rates between which a problem is on the frontier.
        kind: of the training: grpo, sft, dpo or kto.

    Returns:
        {training: its key, points: as of `compute_points`, frontier: as of `count_frontier_moves`, tokens: spent by
        this call}. Trainings on stored rows sample no training problems, so their frontier has no problems.

    Raises:
        ConfigError: nothing is held out, or the training is not done.
        Stopped: the run was asked to stop; what arrived is committed.
    """
    stage = plan_training(context, kind)
    key = stage.key.rows
    return {
        "training": key,
        "points": compute_points(count_held_out(context, stage, samples), find_held_out_sample(context, stage.inputs)),
        "frontier": count_frontier_moves(context, stage.inputs, key, band)
        if kind == "grpo"
        else count_moves((), (), *band),
        "tokens": context.meter.tokens,
    }


def count_held_out(context: RunContext, training: Stage, samples: int) -> list[tuple[str, Counted]]:
    """Count the held-out outcomes of one training, policy by policy.

    They are those that `train.eval_every` stored, and where there are none, those of the base policy and the last
    checkpoint, attempted now.

    Args:
        context: the run.
        training: its stage, of any kind.
        samples: attempts per problem that are made now.

    Returns:
        (name, {problem id: (right, attempts)}) per policy, from the earliest to the latest.

    Raises:
        ConfigError, Stopped: as `evaluate`.
    """
    stored_points = _stored_outcomes(context, training.inputs, training.key.rows)
    if stored_points and context.config.train.ema_alpha:
        # during training the weights of the step were attempted, and not their average
        return [*stored_points, ("average", _attempt_now(context, training, samples)[-1][1])]
    return stored_points or _attempt_now(context, training, samples)


def find_held_out_sample(context: RunContext, inputs: StageResults) -> MarkedSample | None:
    """Return what people marked of the held-out problems' verifier; None without an audit, or with several verifiers.

    Where all held-out problems are of one source that was audited by itself, its marks count.
    """
    problems, labels = read_side(context, inputs, "held_out")
    verifiers, sources = (
        {getattr(row, name) for row in table.values()} for table, name in ((labels, "verifier"), (problems, "source"))
    )
    if len(verifiers) != 1:
        return None
    verifier = next(iter(verifiers))
    source = next(iter(sources)) if len(sources) == 1 else ""
    return find_sample(load_samples(context), context.verifier_version(verifier), source)


def compute_points(policies: Sequence[tuple[str, Counted]], sample: MarkedSample | None = None) -> list[dict[str, Any]]:
    """Compute the rates of each policy.

    Args:
        policies: as of `count_held_out`.
        sample: what people marked of the verifier's answers; None = its errors are unknown.

    Returns:
        One row per policy, in order: policy, problems, k (the fewest attempts at a problem), pass_at_1 and pass_at_k
        with their 95% intervals, corrected: pass@1 corrected for the verifier's errors with its interval, None without
        marks, and the paired difference of pass@1 to the first policy, None for the first itself.
    """
    rows = []
    for name, counts in policies:
        k = min((attempts for _, attempts in counts.values()), default=0)
        row: dict[str, Any] = {"policy": name, "problems": len(counts), "k": k}
        row["pass_at_1"] = mean_interval(_pass_rates(counts, 1))
        row["corrected"] = _correct_interval(row["pass_at_1"], sample)
        row["pass_at_k"] = mean_interval(_pass_rates(counts, k)) if k else (float("nan"),) * 3
        row["difference"] = compare_counts(policies[0][1], counts) if counts is not policies[0][1] else None
        rows.append(row)
    return rows


def compare_counts(before: Counted, after: Counted) -> tuple[float, float, float]:
    """Compute pass@1 after - before on the problems of both, with its 95% interval.

    Raises:
        ConfigError: they share no problem.
    """
    shared = sorted(before.keys() & after.keys())
    if not shared:
        raise ConfigError(
            f"{len(before)} and {len(after)} problems were attempted, but none by both, so nothing can be compared"
        )
    first, second = ({id_: counts[id_] for id_ in shared} for counts in (before, after))
    return paired_difference(_pass_rates(first, 1), _pass_rates(second, 1))


def count_frontier_moves(
    context: RunContext, inputs: StageResults, key: str, band: tuple[float, float]
) -> dict[str, int]:
    """Count how the trained problems moved into the band of pass rates and out of it.

    Args:
        context: the run.
        inputs: with `score`, whose values are the rates before.
        key: of the training, whose last steps' attempts give the rates after.
        band: its lowest and highest pass rate.
    """
    scores = {row["problem_id"]: row["value"] for row in current_scores(context, inputs.rows_of("score"))}
    rows = context.lake.rows(
        "SELECT problem_id, mean FROM recent_pass_rates WHERE training = ? ORDER BY problem_id", [key]
    )
    rates = [(scores[row["problem_id"]], row["mean"]) for row in rows if scores.get(row["problem_id"]) is not None]
    before, after = np.array([pair[0] for pair in rates]), np.array([pair[1] for pair in rates])
    return count_moves(before, after, *band)


def last_counts(context: RunContext, samples: int, kind: str = "grpo") -> Counted:
    """Count the held-out outcomes of what a training left: its last policy, or the average that took its place.

    Args:
        context: the run.
        samples: attempts per problem that are made where none is stored.
        kind: of the training: grpo, sft, dpo or kto.

    Raises:
        ConfigError: as `evaluate`.
    """
    return count_held_out(context, plan_training(context, kind), samples)[-1][1]


def _correct_interval(
    interval: tuple[float, float, float], sample: MarkedSample | None
) -> tuple[float, float, float] | None:
    """Correct pass@1 for the verifier's errors; None without marks, or without an interval."""
    mean, low, high = interval
    if sample is None or not np.isfinite(interval).all():
        return None
    corrected = corrected_mean(mean, low, high, sample)
    return corrected.value, corrected.low, corrected.high


def _pass_rates(counts: Mapping[str, tuple[int, int]], k: int) -> Any:
    pairs = [counts[id_] for id_ in sorted(counts)]
    return pass_at(k, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def _stored_outcomes(context: RunContext, inputs: StageResults, key: str) -> list[tuple[str, Counted]]:
    labels = list(read_side(context, inputs, "held_out")[1].values())
    present = sorted({f"{name}@{context.judge.version(name)}" for name in {label.verifier for label in labels}})
    verdicts = [sorted(label.id for label in labels), present]
    return [
        (f"step {row['step']}", _usable_counts(context.lake.rows(OUTCOMES, [context.mode, row["policy"], *verdicts])))
        for row in context.lake.rows(EVALUATED, [key])
    ]


def _usable_counts(rows: Sequence[Mapping[str, Any]]) -> Counted:
    return {row["problem_id"]: (row["correct"], row["attempts"]) for row in rows if row["attempts"]}


def _attempt_now(context: RunContext, training: Stage, samples: int) -> list[tuple[str, Counted]]:
    result = training.finished()
    if result is None:
        command = "run" if training.name == "train" else training.name
        raise ConfigError(f"train eval needs a finished training: run `train {command} CONFIG` first")
    last = find_checkpoint(context, result)
    return [
        (name, _attempt_held_out(context, training.inputs, model, samples))
        for name, model in (("before", context.config.train.model or context.config.policy.model), ("after", str(last)))
    ]


def _attempt_held_out(context: RunContext, inputs: StageResults, model: str, samples: int) -> Counted:
    """Count the outcomes of one model on the held-out problems, stored attempts first, under training's sampler."""
    policy = policy_on_checkpoint(context.config.policy, model, "transformers")
    with closing(context.beside(context.config.model_copy(update={"policy": policy}))) as other:
        problems, labels = read_side(other, inputs, "held_out")
        ids = sorted(problems)[: context.config.train.eval_problems]
        if not ids:
            raise ConfigError("there are no held-out problems to evaluate on: set split.held_out above 0")
        attempts = StoredRollouts(
            other, {id_: problems[id_] for id_ in ids}, labels, sampler=context.config.train_sampler
        )
        counts_by_problem: Mapping[str, Counts] = attempts.draw(dict.fromkeys(ids, samples))
    return {
        id_: (counts.correct, counts.total - counts.error)
        for id_, counts in counts_by_problem.items()
        if counts.total > counts.error
    }
