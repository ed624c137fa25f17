"""Pass rates of a checkpoint, from the rollouts that its training stored, and new attempts where these are too few.

Training met only what was selected, so a share of every stratum of the dropped problems is attempted too, the largest
of those that were never solved. What is neither met nor attempted keeps its score, under the policy for which it was
measured.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from assay.core.errors import Stopped
from assay.core.identity import content_id
from assay.core.setting_names import first_names
from assay.core.types import Counts, Label, Problem
from assay.maths.allocation.strata import UNSCORED, UNSOLVED, sample_strata, stratum
from assay.maths.beta.posterior import PRIORS, interval, mean, posterior
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import corrected_golds, read_side, side_ids, side_verifiers
from assay.pipelines.data.scores import current_scores, find_disputed, score_id
from assay.pipelines.loop.graded_evidence import describe_rewards, read_training_rewards
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.stages import score

FRESH = """
SELECT * FROM fresh(?, ?, mode := ?) WHERE training = ? AND sampler = ? AND label_id IN (SELECT unnest(?::VARCHAR[]))
AND verifier || '@' || version IN (SELECT unnest(?::VARCHAR[])) ORDER BY problem_id
"""
KEPT = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept"


@dataclass(frozen=True, slots=True)
class EarlierScore:
    """Where the new policy comes from: keys of the scoring, the selection and the training before."""

    scoring: str
    selection: str
    training: str


@dataclass(frozen=True, slots=True)
class SeenAttempts:
    """What is known of one problem under the new policy: attempts weighted by their age, and their counts."""

    right: float = 0.0
    wrong: float = 0.0
    counts: Counts = field(default_factory=Counts)
    disputed: bool = False  # right in none of training's attempts strictly, and in some leniently


@dataclass(frozen=True, slots=True)
class ResampleChoice:
    """Where each problem's score comes from; each problem of the pool is in one field of the first four."""

    decided: tuple[str, ...]  # by stored rollouts alone
    wanted: Mapping[str, int]  # attempts under the new policy, by id
    carried: tuple[str, ...]  # keep the score before
    unscored: tuple[str, ...]  # have none to keep
    again: Mapping[str, tuple[int, int]]  # of the dropped, by stratum: how many there are, and how many are attempted


class Refresh(Stage):
    """Score the pool for a checkpoint, from what its training stored and from new attempts, in the place of `score`."""

    name = "refresh"
    rows_query = score.ScoreStage.rows_query
    columns = score.ScoreStage.columns

    def __init__(self, context: RunContext, inputs: StageResults, before: EarlierScore) -> None:
        super().__init__(context, inputs)
        self.before = before

    @cached_property
    def ids(self) -> list[str]:
        """The problems of the pool, ascending."""
        return side_ids(self.context, self.inputs, "train")

    @cached_property
    def train_side(self) -> tuple[dict[str, Problem], dict[str, Label]]:
        """These problems and their labels, read once."""
        return read_side(self.context, self.inputs, "train")

    @cached_property
    def seen(self) -> dict[str, SeenAttempts]:
        """The attempts of training's last steps, by problem that they met."""
        return read_training_attempts(self.context, self.before.training, self.train_side[1])

    @cached_property
    def earlier(self) -> dict[str, dict[str, Any]]:
        """The scores of the round before, by problem."""
        return earlier_scores(self.context, self.before.scoring)

    @cached_property
    def choice(self) -> ResampleChoice:
        """Where each problem's score comes from."""
        selected_ids = selected_before(self.context, self.before.selection)
        return choose_resamples(self.context, sorted(self.train_side[1]), selected_ids, self.seen, self.earlier)

    def compute_key(self) -> StageKey:
        """Hash the pool with the scoring, and the scoring alone, as `score` does."""
        context, before = self.context, self.before
        loop = first_names("loop", "", context.config.loop.model_dump(exclude={"rounds", "low", "high"}))
        golds = corrected_golds(context, self.inputs, "train")
        anew = score.scoring_key(context, side_verifiers(context, self.inputs, "train"), self.ids, *golds)
        earlier = (before.scoring, before.selection, before.training)
        scoring = content_id("refreshed", anew, *earlier, loop, context.config.seed)
        return StageKey.of(content_id("refresh", scoring, self.ids), scoring)

    def remaining(self) -> Remaining:
        """Count the problems that are attempted anew, and their attempts."""
        samples = sum(self.choice.wanted.values())
        return Remaining(
            problems=len(self.choice.wanted),
            attempts_min=0,  # attempts that are stored by then are not made again
            attempts_max=samples,
            tokens_max=samples * self.context.config.policy.max_tokens,
            rows_in=len(self.ids),
        )

    def run(self) -> StageResult:
        """Attempt, and write a score per problem that has one."""
        return _refresh(self)


def plan_rescoring(context: RunContext, inputs: StageResults, before: EarlierScore) -> Stage:
    """Return the stage that scores a checkpoint's pool.

    It is `refresh`, and `score` itself where scores are no pass rates, since what training stores says nothing on a
    search's iterations.
    """
    if context.config.score.scorer != "pass_rate" or score.build_scorer(context).at_length is not None:
        return score.ScoreStage(context, inputs)
    return Refresh(context, inputs, before)


def read_training_attempts(context: RunContext, training: str, labels: Mapping[str, Label]) -> dict[str, SeenAttempts]:
    """Read the attempts of a training's last steps; cut ones count as the config's scorer counts them.

    Args:
        context: the run.
        training: the training's key.
        labels: the labels by which the attempts are judged, by problem id.

    Returns:
        {problem id: its attempts}, for the problems that these steps met.
    """
    loop, part = context.config.loop, score.build_scorer(context)
    if context.config.train_sampler.id != context.config.policy.sampler.id:
        context.reporter.warn(
            "training sampled with other settings than scoring, so its rollouts give no pass rates: "
            "all selected problems are attempted again"
        )
    versions = sorted({f"{label.verifier}@{context.judge.version(label.verifier)}" for label in labels.values()})
    arguments = [
        loop.recent_steps,
        loop.discount,
        context.mode,
        training,
        context.config.policy.sampler.id,
        sorted(label.id for label in labels.values()),
        versions,
    ]
    attempts = {}
    for row in context.lake.rows(FRESH, arguments):
        counts = Counts(row["n_correct"], row["n_wrong"], row["n_truncated"], row["n_error"])
        cut_weight = row["cut"] if part.truncated == "wrong" else 0.0
        attempts[row["problem_id"]] = SeenAttempts(
            row["beta_a"] - 0.5, row["beta_b"] - 0.5 + cut_weight, counts, row["disputed"]
        )
    return attempts


def earlier_scores(context: RunContext, scoring: str) -> dict[str, dict[str, Any]]:
    """Read the scores of a scoring, by problem."""
    return {row["problem_id"]: row for row in current_scores(context, scoring)}


def selected_before(context: RunContext, selection: str) -> set[str]:
    """Read the ids of the problems that a selection kept."""
    return {row["problem_id"] for row in context.lake.rows(KEPT, [selection])}


def choose_resamples(
    context: RunContext,
    ids: Sequence[str],
    selected_ids: set[str],
    attempts_by_id: Mapping[str, SeenAttempts],
    earlier: Mapping[str, Mapping[str, Any]],
) -> ResampleChoice:
    """Choose which problems stored rollouts decide, which are attempted and how often, and which keep their score.

    A problem is decided when its interval is at most `loop.max_interval` wide. An undecided one gets the attempts that
    it lacks to the scorer's n, stored ones counted by their weight; a selected one that training did not meet gets n.

    Args:
        context: the run.
        ids: the problems of the pool.
        selected_ids: those that the round before selected.
        attempts_by_id: training's attempts, by problem.
        earlier: the scores of the round before, by problem.
    """
    loop, part = context.config.loop, score.build_scorer(context)
    decided = {
        id_
        for id_, attempts in attempts_by_id.items()
        if _interval_width(part, attempts) <= loop.max_interval and attempts.right + attempts.wrong > 0
    }
    n_attempts = {
        id_: max(1, math.ceil(part.n - attempts.right - attempts.wrong))
        for id_, attempts in attempts_by_id.items()
        if id_ not in decided
    }
    n_attempts |= dict.fromkeys(selected_ids - attempts_by_id.keys(), part.n)
    strata = {
        id_: _find_stratum(part, earlier.get(id_))
        for id_ in ids
        if id_ not in selected_ids and id_ not in attempts_by_id
    }
    drawn_ids = sample_strata(
        strata,
        {UNSOLVED: loop.resample_unsolved_fraction},
        loop.resample_fraction,
        context.config.seed,
        context.policy.revision,
    )
    n_attempts |= dict.fromkeys(drawn_ids, part.n)
    rest = [id_ for id_ in strata if id_ not in n_attempts]
    sizes, many = Counter(strata.values()), Counter(strata[id_] for id_ in drawn_ids)
    return ResampleChoice(
        decided=tuple(sorted(decided)),
        wanted={id_: n_attempts[id_] for id_ in sorted(n_attempts)},
        carried=tuple(id_ for id_ in rest if id_ in earlier),
        unscored=tuple(id_ for id_ in rest if id_ not in earlier),
        again={name: (sizes[name], many[name]) for name in sorted(sizes)},
    )


def _find_stratum(part: Any, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return UNSCORED
    return stratum(
        row["n_correct"], row["n_wrong"] + (row["n_truncated"] if part.truncated == "wrong" else 0), row["value"]
    )


def _interval_width(part: Any, attempts: SeenAttempts) -> float:
    low, high = interval(attempts.right, attempts.wrong, prior=_usable_prior(part), level=part.level)
    return float(high - low)


def _usable_prior(part: Any) -> str:
    # a fitted prior rests on the whole pool's attempts under one policy, which a refresh has not
    return part.prior if part.prior in PRIORS else "jeffreys"


def _refresh(stage: Refresh) -> StageResult:
    context, key, before, choice = stage.context, stage.key, stage.before, stage.choice
    seen, earlier = stage.seen, stage.earlier
    began, scoring, part = time.monotonic(), key.rows, score.build_scorer(context)
    problems, labels = stage.train_side
    attempts = StoredRollouts(context, problems, labels)
    fresh = attempts.draw_first(choice.wanted)
    if len(fresh) < len(choice.wanted):
        why = attempts.stopped or f"{attempts.failed} attempts failed"
        raise Stopped(
            f"{why}; {len(fresh)} of {len(choice.wanted)} problems were attempted again, and no pass rates were updated"
        )
    evidence = {
        id_: _add_attempts(part, seen.get(id_, SeenAttempts()), tally.counts) for id_, tally in fresh.items()
    } | {id_: seen[id_] for id_ in choice.decided}
    unsure = find_disputed(context, labels, context.policy.revision, attempts.sampler.id)
    trained = read_training_rewards(context, before.training, labels)
    rewards = describe_rewards(
        {id_: pairs for id_, pairs in trained.items() if id_ in evidence},
        fresh,
        attempts,
        problems,
        counted=part.counts_outcome,
        level=part.level,
    )
    rows = [
        _score_row(
            context,
            part,
            id_,
            _mark_disputed(context, evidence[id_], seen.get(id_), id_ in unsure),
            labels[id_],
            scoring,
            rewards.get(id_, {}),
        )
        for id_ in sorted(evidence)
    ]
    rows += [_carry_score(earlier[id_], scoring) for id_ in choice.carried]
    detail = {
        "policy": context.policy.revision,
        "selection": before.selection,  # of the training that made it
        "decided": len(choice.decided),
        "attempted": len(choice.wanted),
        "carried": len(choice.carried),
        "unscored": len(choice.unscored),
        "samples": sum(tally.counts.total for tally in fresh.values()),
        "tokens": sum(tally.tokens for tally in fresh.values()),
        "again": {name: list(pair) for name, pair in choice.again.items()},
        "opened": sum(
            fresh[id_].counts.correct > 0 for id_ in choice.wanted if id_ in earlier and earlier[id_]["n_correct"] == 0
        ),
    }
    return context.finish(
        StageResult("refresh", key, len(problems), len(rows), detail, time.monotonic() - began), {"scores": rows}
    )


def _add_attempts(part: Any, attempts: SeenAttempts, counts: Counts) -> SeenAttempts:
    """Add new attempts, which weigh 1 each, to stored evidence."""
    was = attempts.counts
    whole = Counts(
        was.correct + counts.correct,
        was.wrong + counts.wrong,
        was.truncated + counts.truncated,
        was.error + counts.error,
    )
    failures = counts.wrong + (counts.truncated if part.truncated == "wrong" else 0)
    return SeenAttempts(attempts.right + counts.correct, attempts.wrong + failures, whole)


def _mark_disputed(
    context: RunContext, attempts: SeenAttempts, trained: SeenAttempts | None, attempted: bool
) -> SeenAttempts:
    """Mark as disputed where stored or new evidence is, and neither holds a strictly right attempt."""
    unsure = attempted or (trained is not None and trained.disputed)
    return replace(attempts, disputed=unsure and (context.mode == "lenient" or not attempts.counts.correct))


def _score_row(
    context: RunContext,
    part: Any,
    id_: str,
    attempts: SeenAttempts,
    label: Label,
    scoring: str,
    rewards: Mapping[str, Any],
) -> dict[str, Any]:
    prior = _usable_prior(part)
    a, b = posterior(attempts.right, attempts.wrong, prior=prior)
    low, high = interval(attempts.right, attempts.wrong, prior=prior, level=part.level)
    content = {
        "problem_id": id_,
        "scorer": "pass_rate",
        "prior": prior,
        "beta_a": float(a),
        "beta_b": float(b),
        "value": float(mean(a, b)),
        "low": float(low),
        "high": float(high),
        "n_correct": attempts.counts.correct,
        "n_wrong": attempts.counts.wrong,
        "n_truncated": attempts.counts.truncated,
        "n_error": attempts.counts.error,
        "scoring_id": scoring,
        "policy": context.policy.revision,
        "sampler": context.config.policy.sampler.id,
        "verifier": f"{label.verifier}@{context.judge.version(label.verifier)}",
        "censored": False,
        **({"disputed": True} if attempts.disputed else {}),  # null = no
        **rewards,
    }
    return {"id": score_id(content), **content}


def _carry_score(row: Mapping[str, Any], scoring: str) -> dict[str, Any]:
    left_out = ("id", "run") if row["disputed"] else ("id", "run", "disputed")  # null stays out of the id
    content = {name: value for name, value in row.items() if name not in left_out} | {"scoring_id": scoring}
    return {"id": score_id(content), **content}
