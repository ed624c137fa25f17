"""Pass rates of a checkpoint: first from the rollouts that its training stored, then from new attempts where these decide nothing.

Training met only what was selected, so a share of every stratum of the dropped problems is attempted too, of those that were never solved the
largest. What is neither met nor attempted keeps the score that it had, under the policy for which it was measured.
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
from assay.core.types import Counts, Label, Problem
from assay.maths.allocation.strata import UNSCORED, UNSOLVED, sample_strata, stratum
from assay.maths.beta.posterior import PRIORS, interval, mean, posterior
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import side, side_ids, side_verifiers
from assay.pipelines.data.scores import current_scores, find_disputed, score_id
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.stages import score

FRESH = """
SELECT * FROM fresh(?, ?, mode := ?) WHERE training = ? AND sampler = ? AND label_id IN (SELECT unnest(?::VARCHAR[]))
AND verifier || '@' || version IN (SELECT unnest(?::VARCHAR[])) ORDER BY problem_id
"""
KEPT = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept"


@dataclass(frozen=True, slots=True)
class EarlierScore:
    """What the new policy comes from: keys of the scoring, the selection and the training before."""

    scoring: str
    selection: str
    training: str


@dataclass(frozen=True, slots=True)
class SeenAttempts:
    """What is known of one problem under the new policy: attempts weighed by their age, and how many they were."""

    right: float = 0.0
    wrong: float = 0.0
    counts: Counts = field(default_factory=Counts)
    disputed: bool = False  # right in none of training's attempts strictly, and in some leniently


@dataclass(frozen=True, slots=True)
class ResampleChoice:
    """Where each problem's score comes from; together they are the pool."""

    decided: tuple[str, ...]  # by stored rollouts alone
    wanted: Mapping[str, int]  # attempts under the new policy, by id
    carried: tuple[str, ...]  # keep the score before
    unscored: tuple[str, ...]  # have none to keep
    again: Mapping[
        str, tuple[int, int]
    ]  # of the dropped, by stratum: how many there are, and how many of them are attempted


class Refresh(Stage):
    """Score the pool for a checkpoint, from what its training stored and from new attempts. It stands in the place of `score`."""

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
        return side(self.context, self.inputs, "train")

    @cached_property
    def seen(self) -> dict[str, SeenAttempts]:
        """What training's last steps tell of each problem that they met."""
        return read_training_attempts(self.context, self.before.training, self.train_side[1])

    @cached_property
    def earlier(self) -> dict[str, dict[str, Any]]:
        """The scores before, by problem."""
        return earlier_scores(self.context, self.before.scoring)

    @cached_property
    def choice(self) -> ResampleChoice:
        """Where each problem's score comes from."""
        selected = selected_before(self.context, self.before.selection)
        return choose_resamples(self.context, sorted(self.train_side[1]), selected, self.seen, self.earlier)

    def compute_key(self) -> StageKey:
        """The pool with the scoring, and the scoring, as of `score`."""
        context, before = self.context, self.before
        loop = context.config.loop.model_dump(exclude={"rounds", "low", "high"})
        anew = score.scoring_key(context, side_verifiers(context, self.inputs, "train"), self.ids)
        earlier = (before.scoring, before.selection, before.training)
        scoring = content_id("refreshed", anew, *earlier, loop, context.config.seed)
        return StageKey.of(content_id("refresh", scoring, self.ids), scoring)

    def remaining(self) -> Remaining:
        """Count the problems that are attempted anew, and their attempts."""
        samples = sum(self.choice.wanted.values())
        return Remaining(
            problems=len(self.choice.wanted),
            attempts_min=0,  # what training stored meanwhile may spare them
            attempts_max=samples,
            tokens_max=samples * self.context.config.policy.max_tokens,
            rows_in=len(self.ids),
        )

    def run(self) -> StageResult:
        """Attempt, and write a score per problem that has one."""
        return _refresh(self)


def rescoring(context: RunContext, inputs: StageResults, before: EarlierScore) -> Stage:
    """The stage that scores a checkpoint's pool: `refresh`, and `score` itself where scores are no pass rates, since nothing that
    training stores tells a search's iterations.
    """
    if context.config.score.scorer != "pass_rate" or score.scorer(context).at_length is not None:
        return score.ScoreStage(context, inputs)
    return Refresh(context, inputs, before)


def read_training_attempts(context: RunContext, training: str, labels: Mapping[str, Label]) -> dict[str, SeenAttempts]:
    """What a training's last steps tell of each problem that they met, as the plan's scorer counts cut attempts."""
    loop, part = context.config.loop, score.scorer(context)
    if context.config.train_sampler.id != context.config.policy.sampler.id:
        context.reporter.warn(
            "training sampled otherwise than scoring does, so its rollouts tell no pass rate: all that was selected is attempted"
        )
    versions = sorted({f"{label.verifier}@{context.judge.version(label.verifier)}" for label in labels.values()})
    asked = [
        loop.window,
        loop.discount,
        context.mode,
        training,
        context.config.policy.sampler.id,
        sorted(label.id for label in labels.values()),
        versions,
    ]
    found = {}
    for row in context.lake.rows(FRESH, asked):
        counts = Counts(row["n_correct"], row["n_wrong"], row["n_truncated"], row["n_error"])
        cut = row["cut"] if part.truncated == "wrong" else 0.0
        found[row["problem_id"]] = SeenAttempts(row["beta_a"] - 0.5, row["beta_b"] - 0.5 + cut, counts, row["disputed"])
    return found


def earlier_scores(context: RunContext, scoring: str) -> dict[str, dict[str, Any]]:
    """The scores before, by problem."""
    return {row["problem_id"]: row for row in current_scores(context, scoring)}


def selected_before(context: RunContext, selection: str) -> set[str]:
    """What the round before selected."""
    return {row["problem_id"] for row in context.lake.rows(KEPT, [selection])}


def choose_resamples(
    context: RunContext,
    ids: Sequence[str],
    selected: set[str],
    seen: Mapping[str, SeenAttempts],
    told: Mapping[str, Mapping[str, Any]],
) -> ResampleChoice:
    """What stored rollouts decide, what is attempted and how often, and what keeps its score.

    A problem is decided when its interval is at most `loop.width` wide. The attempts that an undecided one lacks to the scorer's n are drawn,
    stored ones counted by their weight; a selected one that training did not meet gets n.
    """
    loop, part = context.config.loop, score.scorer(context)
    decided = {id_ for id_, each in seen.items() if _width(part, each) <= loop.width and each.right + each.wrong > 0}
    wanted = {
        id_: max(1, math.ceil(part.n - each.right - each.wrong)) for id_, each in seen.items() if id_ not in decided
    }
    wanted |= dict.fromkeys(selected - seen.keys(), part.n)
    dropped = {id_: _stratum(part, told.get(id_)) for id_ in ids if id_ not in selected and id_ not in seen}
    drawn = sample_strata(
        dropped, {UNSOLVED: loop.share_unsolved}, loop.share, context.config.seed, context.engine.policy.revision
    )
    wanted |= dict.fromkeys(drawn, part.n)
    rest = [id_ for id_ in dropped if id_ not in wanted]
    sizes, many = Counter(dropped.values()), Counter(dropped[id_] for id_ in drawn)
    return ResampleChoice(
        decided=tuple(sorted(decided)),
        wanted={id_: wanted[id_] for id_ in sorted(wanted)},
        carried=tuple(id_ for id_ in rest if id_ in told),
        unscored=tuple(id_ for id_ in rest if id_ not in told),
        again={name: (sizes[name], many[name]) for name in sorted(sizes)},
    )


def _stratum(part: Any, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return UNSCORED
    return stratum(
        row["n_correct"], row["n_wrong"] + (row["n_truncated"] if part.truncated == "wrong" else 0), row["value"]
    )


def _width(part: Any, seen: SeenAttempts) -> float:
    low, high = interval(seen.right, seen.wrong, prior=_prior(part), level=part.level)
    return float(high - low)


def _prior(part: Any) -> str:
    return (
        part.prior if part.prior in PRIORS else "jeffreys"
    )  # a fitted prior rests on the whole pool's attempts under one policy


def _refresh(stage: Refresh) -> StageResult:
    context, key, before, made = stage.context, stage.key, stage.before, stage.choice
    seen, told = stage.seen, stage.earlier
    began, scoring, part = time.monotonic(), key.rows, score.scorer(context)
    problems, labels = stage.train_side
    attempts = StoredRollouts(context, problems, labels)
    found = attempts.draw_first(made.wanted)
    if len(found) < len(made.wanted):
        why = attempts.stopped or f"{attempts.failed} attempts failed"
        raise Stopped(f"{why}; {len(found)} of {len(made.wanted)} problems were attempted anew, and no rate was told")
    both = {id_: _plus(part, seen.get(id_, SeenAttempts()), tally.counts) for id_, tally in found.items()} | {
        id_: seen[id_] for id_ in made.decided
    }
    unsure = find_disputed(context, labels, context.engine.policy.revision, attempts.sampler.id)
    rows = [
        _row(context, part, id_, _known(context, both[id_], seen.get(id_), id_ in unsure), labels[id_], scoring)
        for id_ in sorted(both)
    ]
    rows += [_carried(told[id_], scoring) for id_ in made.carried]
    detail = {
        "policy": context.engine.policy.revision,
        "selection": before.selection,  # of the training that made it
        "decided": len(made.decided),
        "attempted": len(made.wanted),
        "carried": len(made.carried),
        "unscored": len(made.unscored),
        "samples": sum(tally.counts.total for tally in found.values()),
        "tokens": sum(tally.tokens for tally in found.values()),
        "again": {name: list(pair) for name, pair in made.again.items()},
        "opened": sum(
            found[id_].counts.correct > 0 for id_ in made.wanted if id_ in told and told[id_]["n_correct"] == 0
        ),
    }
    return context.finish(
        StageResult("refresh", key, len(problems), len(rows), detail, time.monotonic() - began), {"scores": rows}
    )


def _plus(part: Any, seen: SeenAttempts, counts: Counts) -> SeenAttempts:
    """Stored evidence with new attempts, which weigh 1 each."""
    was = seen.counts
    whole = Counts(
        was.correct + counts.correct,
        was.wrong + counts.wrong,
        was.truncated + counts.truncated,
        was.error + counts.error,
    )
    failed = counts.wrong + (counts.truncated if part.truncated == "wrong" else 0)
    return SeenAttempts(seen.right + counts.correct, seen.wrong + failed, whole)


def _known(context: RunContext, both: SeenAttempts, trained: SeenAttempts | None, attempted: bool) -> SeenAttempts:
    """Disputed where one of both kinds of evidence is, and neither holds a strictly right attempt."""
    unsure = attempted or (trained is not None and trained.disputed)
    return replace(both, disputed=unsure and (context.mode == "lenient" or not both.counts.correct))


def _row(context: RunContext, part: Any, id_: str, seen: SeenAttempts, label: Label, scoring: str) -> dict[str, Any]:
    prior = _prior(part)
    a, b = posterior(seen.right, seen.wrong, prior=prior)
    low, high = interval(seen.right, seen.wrong, prior=prior, level=part.level)
    content = {
        "problem_id": id_,
        "scorer": "pass_rate",
        "prior": prior,
        "beta_a": float(a),
        "beta_b": float(b),
        "value": float(mean(a, b)),
        "low": float(low),
        "high": float(high),
        "n_correct": seen.counts.correct,
        "n_wrong": seen.counts.wrong,
        "n_truncated": seen.counts.truncated,
        "n_error": seen.counts.error,
        "scoring_id": scoring,
        "policy": context.engine.policy.revision,
        "sampler": context.config.policy.sampler.id,
        "verifier": f"{label.verifier}@{context.judge.version(label.verifier)}",
        "censored": False,
        **({"disputed": True} if seen.disputed else {}),  # null = no
    }
    return {"id": score_id(content), **content}


def _carried(row: Mapping[str, Any], scoring: str) -> dict[str, Any]:
    left_out = ("id", "run") if row["disputed"] else ("id", "run", "disputed")  # null stays out of the id
    content = {name: value for name, value in row.items() if name not in left_out} | {"scoring_id": scoring}
    return {"id": score_id(content), **content}
