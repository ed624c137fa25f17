"""Stage 4: how hard each training problem is for this policy, with its doubt. Held-out problems are not attempted."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from assay.core.identity import content_id
from assay.core.parts import build_part
from assay.core.types import Label, Score
from assay.pipelines.context.run import Remaining, RunContext, StagePlan, StageResult
from assay.pipelines.data.problems import side, side_ids, side_verifiers
from assay.pipelines.data.scores import find_disputed
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.evidence import beside, depends, evidence, remaining_searches
from assay.pipelines.sampling.exclusive import exclusive_sampling
from assay.pipelines.sampling.filter_context import samplers
from assay.pipelines.sampling.refusals import any_refused


def work(context: RunContext) -> StagePlan:
    """The plan's scorer over the train side. The key is `<ledger key>+<scoring>`."""
    part = scorer(context)
    key, ids = stage_key(context)
    if context.finished("score", key) and not must_continue(context):
        return StagePlan("score", key, len(ids), Remaining(), lambda: _nothing())
    problems, labels = side(context, "train")
    known = context.lake.files().get("rollouts")
    attempts = StoredRollouts(context, problems, labels, keep_refused=True)
    if searches := remaining_searches(context, attempts, part):
        return StagePlan("score", key, len(problems), searches, lambda: _paid_once(context, attempts, key, known))
    return StagePlan(
        "score",
        key,
        len(problems),
        remaining_attempts(context, attempts),
        lambda: _paid_once(context, attempts, key, known),
    )


def must_continue(context: RunContext) -> bool:
    """Whether a finished stage is done once more, for the sake of what a server refused."""
    return context.retry_refused and any_refused(context, context.engine.policy, context.config.policy.sampler)


def stage_key(context: RunContext) -> tuple[str, list[str]]:
    """The stage's key, and the ids of the problems that it scores, ascending; no question is read."""
    part = scorer(context)
    ids, labels = side_ids(context, "train"), side(context, "train")[1] if getattr(part, "needs", ()) else {}
    scoring = scoring_key(context, side_verifiers(context, "train"), ids, *depends(context, labels, part))
    return f"{content_id('score', scoring, ids)}+{scoring}", ids


def scorer(context: RunContext) -> Any:
    """The plan's scorer, with what it leaves to other tables filled from them.

    Raises:
        ConfigError: an unknown scorer or setting.
    """
    return build_part("scorer", context.config.score.scorer, settings(context))


def settings(context: RunContext) -> dict[str, Any]:
    """The scorer's settings; a budget or a group size that its design needs and does not give is the selection's."""
    given, select = context.config.score.settings, context.config.select
    needed = getattr(build_part("scorer", context.config.score.scorer, given), "sized_by_plan", ())
    known = {"budget": select.budget, "group_size": select.settings.get("group_size", context.config.train.group_size)}
    return {**given, **{name: known[name] for name in needed}}


def remaining_attempts(context: RunContext, attempts: StoredRollouts) -> Remaining:
    """Count what a score stage may still cost: problems, attempts at least and at most, tokens at most."""
    part = scorer(context)
    least, most = part.attempts() if hasattr(part, "attempts") else (getattr(part, "n", 0),) * 2
    problems, samples = attempts.lacking(most)
    return Remaining(
        problems=problems,
        attempts_min=samples if least == most else attempts.lacking(least)[1],
        attempts_max=samples,
        tokens_max=samples * context.config.policy.max_tokens,
    )


def scoring_key(context: RunContext, verifiers: Sequence[str], ids: Sequence[str], *beyond: object) -> str:
    """Hash of what a score's meaning depends on: scorer, policy, sampler, verifier versions, what lies beyond these; where it is joint, the pool."""
    config = context.config.score
    versions = sorted((verifier, context.judge.version(verifier)) for verifier in set(verifiers))
    pool = [list(ids)] if scorer(context).joint else []
    encoder = [context.config.embed.encoder] if config.settings.get("prior") == "predicted" else []
    how = (config.scorer, settings(context), *pool, *encoder)
    return content_id(
        "scoring",
        *how,
        context.engine.policy.revision,
        context.config.policy.sampler.id,
        versions,
        *beyond,
        *context.read_otherwise,
    )


def _paid_once(context: RunContext, attempts: StoredRollouts, key: str, known: list[str] | None) -> StageResult:
    """The stage, done by one plain run at a time; where others have stored attempts since those that are known, it looks again."""
    with exclusive_sampling(context, attempts.problems):
        if context.lake.files().get("rollouts") == known:
            return measure(context, attempts, key)
        context.lake.caught_up()
        done = None if must_continue(context) else context.finished("score", key)
        return done or measure(context, StoredRollouts(context, *side(context, "train"), keep_refused=True), key)


def measure(context: RunContext, attempts: StoredRollouts, key: str) -> StageResult:
    """The scores of all problems of the attempts, written with the stage's line; without the line where evidence is missing."""
    began, scoring = time.monotonic(), key.partition("+")[2]
    _warn_of_other_samplers(context, attempts)
    part = scorer(context)
    scores: list[Score] = part.score(sorted(attempts.problems), evidence(context, attempts, part, scoring))
    if (
        attempts.unfinished and part.joint
    ):  # what a part of the waves says of everybody must not stand beside what all of them say
        scoring = content_id("partly", scoring, [(score.problem_id, asdict(score.counts)) for score in scores])
        key = f"{key.partition('+')[0]}+{scoring}"
    unsure = find_disputed(context, attempts.labels, attempts.policy.revision, attempts.sampler.id)
    rows = [
        _row(
            context,
            score,
            attempts.labels[score.problem_id],
            scoring,
            attempts.policy.revision,
            score.problem_id in unsure,
        )
        for score in scores
    ]
    scored = sum(score.counts.total > 0 for score in scores)
    detail = {
        "scored": scored,
        "tokens": context.meter.tokens,
        "samples": context.meter.samples,
        **beside(context, attempts, part, scores),
    }
    detail |= {"disputed": len(unsure)} if unsure else {}
    outcome = StageResult(
        "score", key, len(attempts.problems), scored, detail, time.monotonic() - began, partly=attempts.unfinished
    )
    return context.finish(outcome, {"scores": rows})


def _row(context: RunContext, score: Score, label: Label, scoring: str, policy: str, unsure: bool) -> dict[str, Any]:
    row = asdict(score)
    counts = row.pop("counts")
    if not row["direction"]:
        del row["direction"]  # null = easier
    verifier = f"{label.verifier}@{context.judge.version(label.verifier)}"
    content = {
        **row,
        **counts,
        "scoring": scoring,
        "policy": policy,
        "sampler": context.config.policy.sampler.id,
        "verifier": verifier,
        **({"disputed": True} if unsure else {}),  # null = no
    }
    return {"id": content_id("score", content), **content}


def _warn_of_other_samplers(context: RunContext, attempts: StoredRollouts) -> None:
    """Says before anything is paid for that a changed sampler cannot reuse what is stored."""
    others = context.lake.rows(
        "SELECT sampler, count(*) AS n FROM rollouts WHERE policy = ? AND sampler NOT IN (SELECT unnest(?::VARCHAR[])) "
        "AND step IS NULL GROUP BY sampler ORDER BY n DESC LIMIT 1",
        [attempts.policy.revision, [attempts.sampler.id, *samplers(context.config)]],
    )
    if others and not attempts.stored:
        context.reporter.warn(
            f"{others[0]['n']} stored rollouts of this policy were made under another sampler ({others[0]['sampler']}): "
            f"a pass rate under another prompt or temperature is another quantity, so all samples are drawn afresh"
        )


def _nothing() -> StageResult:
    raise AssertionError("a finished stage is read from the ledger")
