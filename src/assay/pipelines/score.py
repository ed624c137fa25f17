"""Stage 4: how hard each training problem is for this policy, with its doubt. Held-out problems are not attempted."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from assay.core.identity import content_id
from assay.core.parts import build
from assay.core.types import Label, Score
from assay.pipelines.alone import alone
from assay.pipelines.attempts import Attempts
from assay.pipelines.bench import samplers
from assay.pipelines.disputed import disputed
from assay.pipelines.evidence import beside, depends, evidence, search_left
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import side, side_ids, side_verifiers
from assay.pipelines.refusals import any_refused


def work(job: Job) -> Work:
    """The plan's scorer over the train side. The key is `<ledger key>+<scoring>`."""
    part = scorer(job)
    key, ids = keyed(job)
    if job.finished("score", key) and not again(job):
        return Work("score", key, len(ids), {}, lambda: _nothing())
    problems, labels = side(job, "train")
    known = job.lake.files().get("rollouts")
    attempts = Attempts(job, problems, labels, keep_refused=True)
    if searches := search_left(job, attempts, part):
        return Work("score", key, len(problems), searches, lambda: _paid_once(job, attempts, key, known))
    return Work("score", key, len(problems), left(job, attempts), lambda: _paid_once(job, attempts, key, known))


def again(job: Job) -> bool:
    """Whether a finished stage is done once more, for the sake of what a server refused."""
    return job.retry_refused and any_refused(job, job.engine.policy, job.plan.policy.sampler)


def keyed(job: Job) -> tuple[str, list[str]]:
    """The stage's key, and the ids of the problems that it scores, ascending; no question is read."""
    part = scorer(job)
    ids, labels = side_ids(job, "train"), side(job, "train")[1] if getattr(part, "needs", ()) else {}
    scoring = scoring_key(job, side_verifiers(job, "train"), ids, *depends(job, labels, part))
    return f"{content_id('score', scoring, ids)}+{scoring}", ids


def scorer(job: Job) -> Any:
    """The plan's scorer, with what it leaves to other tables filled from them.

    Raises:
        PlanError: an unknown scorer or setting.
    """
    return build("scorer", job.plan.score.scorer, settings(job))


def settings(job: Job) -> dict[str, Any]:
    """The scorer's settings; a budget or a group size that its design needs and does not give is the selection's."""
    given, select = job.plan.score.settings, job.plan.select
    needed = getattr(build("scorer", job.plan.score.scorer, given), "sized_by_plan", ())
    known = {"budget": select.budget, "group_size": select.settings.get("group_size", job.plan.train.group_size)}
    return {**given, **{name: known[name] for name in needed}}


def left(job: Job, attempts: Attempts) -> dict[str, int]:
    """What a score stage may still cost: problems, samples and tokens, at least and at most."""
    part = scorer(job)
    least, most = part.attempts() if hasattr(part, "attempts") else (getattr(part, "n", 0),) * 2
    problems, samples = attempts.lacking(most)
    named = {"samples": samples} if least == most else {"samples at least": attempts.lacking(least)[1], "samples at most": samples}
    return {"problems": problems, **named, "tokens at most": samples * job.plan.policy.max_tokens}


def scoring_key(job: Job, verifiers: Sequence[str], ids: Sequence[str], *beyond: object) -> str:
    """Hash of what a score's meaning depends on: scorer, policy, sampler, verifier versions, what lies beyond these; where it is joint, the pool."""
    plan = job.plan.score
    versions = sorted((verifier, job.judge.version(verifier)) for verifier in set(verifiers))
    pool = [list(ids)] if scorer(job).joint else []
    encoder = [job.plan.embed.encoder] if plan.settings.get("prior") == "predicted" else []
    how = (plan.scorer, settings(job), *pool, *encoder)
    return content_id("scoring", *how, job.engine.policy.revision, job.plan.policy.sampler.id, versions, *beyond, *job.read_otherwise)


def _paid_once(job: Job, attempts: Attempts, key: str, known: list[str] | None) -> Outcome:
    """The stage, done by one plain run at a time; where others have stored attempts since those that are known, it looks again."""
    with alone(job, attempts.problems):
        if job.lake.files().get("rollouts") == known:
            return measure(job, attempts, key)
        job.lake.caught_up()
        done = None if again(job) else job.finished("score", key)
        return done or measure(job, Attempts(job, *side(job, "train"), keep_refused=True), key)


def measure(job: Job, attempts: Attempts, key: str) -> Outcome:
    """The scores of all problems of the attempts, written with the stage's line; without the line where evidence is missing."""
    began, scoring = time.monotonic(), key.partition("+")[2]
    _warn_of_other_samplers(job, attempts)
    part = scorer(job)
    scores: list[Score] = part.score(sorted(attempts.problems), evidence(job, attempts, part, scoring))
    if attempts.unfinished and part.joint:  # what a part of the waves says of everybody must not stand beside what all of them say
        scoring = content_id("partly", scoring, [(score.problem_id, asdict(score.counts)) for score in scores])
        key = f"{key.partition('+')[0]}+{scoring}"
    unsure = disputed(job, attempts.labels, attempts.policy.revision, attempts.sampler.id)
    rows = [_row(job, score, attempts.labels[score.problem_id], scoring, attempts.policy.revision, score.problem_id in unsure) for score in scores]
    scored = sum(score.counts.total > 0 for score in scores)
    detail = {"scored": scored, "tokens": job.meter.tokens, "samples": job.meter.samples, **beside(job, attempts, part, scores)}
    detail |= {"disputed": len(unsure)} if unsure else {}
    outcome = Outcome("score", key, len(attempts.problems), scored, detail, time.monotonic() - began, partly=attempts.unfinished)
    return job.finish(outcome, {"scores": rows})


def _row(job: Job, score: Score, label: Label, scoring: str, policy: str, unsure: bool) -> dict[str, Any]:
    row = asdict(score)
    counts = row.pop("counts")
    if not row["direction"]:
        del row["direction"]  # null = easier
    verifier = f"{label.verifier}@{job.judge.version(label.verifier)}"
    content = {
        **row,
        **counts,
        "scoring": scoring,
        "policy": policy,
        "sampler": job.plan.policy.sampler.id,
        "verifier": verifier,
        **({"disputed": True} if unsure else {}),  # null = no
    }
    return {"id": content_id("score", content), **content}


def _warn_of_other_samplers(job: Job, attempts: Attempts) -> None:
    """Says before anything is paid for that a changed sampler cannot reuse what is stored."""
    others = job.lake.rows(
        "SELECT sampler, count(*) AS n FROM rollouts WHERE policy = ? AND sampler NOT IN (SELECT unnest(?::VARCHAR[])) "
        "AND step IS NULL GROUP BY sampler ORDER BY n DESC LIMIT 1",
        [attempts.policy.revision, [attempts.sampler.id, *samplers(job.plan)]],
    )
    if others and not attempts.stored:
        job.narrator.warn(
            f"{others[0]['n']} stored rollouts of this policy were made under another sampler ({others[0]['sampler']}): "
            f"a pass rate under another prompt or temperature is another quantity, so all samples are drawn afresh"
        )


def _nothing() -> Outcome:
    raise AssertionError("a finished stage is read from the ledger")


def current_scores(job: Job, scoring: str, columns: str = "*") -> list[dict[str, Any]]:
    """Each problem's score under one scoring, the one with the most evidence, problem ids ascending."""
    return job.lake.rows(
        f"SELECT {columns} FROM scores WHERE scoring = ? QUALIFY row_number() OVER "
        "(PARTITION BY problem_id ORDER BY correct + wrong + truncated + error DESC, id) = 1 ORDER BY problem_id",
        [scoring],
    )
