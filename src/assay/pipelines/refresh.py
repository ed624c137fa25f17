"""Pass rates of a checkpoint: first from the rollouts that its training stored, then from new attempts where these decide nothing.

Training met only what was selected, so a share of every stratum of the dropped problems is attempted too, of those that were never solved the
largest. What is neither met nor attempted keeps the score that it had, under the policy for which it was measured.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assay.core.errors import Stopped
from assay.core.identity import content_id
from assay.core.types import Counts, Label
from assay.maths.posterior import PRIORS, interval, mean, posterior
from assay.maths.strata import UNSCORED, UNSOLVED, shared, stratum
from assay.pipelines import score
from assay.pipelines.attempts import Attempts
from assay.pipelines.disputed import disputed
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import side, side_ids, side_verifiers

FRESH = """
SELECT * FROM fresh(?, ?, mode := ?) WHERE training = ? AND sampler = ? AND label_id IN (SELECT unnest(?::VARCHAR[]))
AND verifier || '@' || version IN (SELECT unnest(?::VARCHAR[])) ORDER BY problem_id
"""
KEPT = "SELECT problem_id FROM selections WHERE selection = ? AND kept"


@dataclass(frozen=True, slots=True)
class Before:
    """What the new policy comes from: keys of the scoring, the selection and the training before."""

    scoring: str
    selection: str
    training: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one problem under the new policy: attempts weighed by their age, and how many they were."""

    right: float = 0.0
    wrong: float = 0.0
    counts: Counts = field(default_factory=Counts)
    disputed: bool = False  # right in none of training's attempts strictly, and in some leniently


@dataclass(frozen=True, slots=True)
class Choice:
    """Where each problem's score comes from; together they are the pool."""

    decided: tuple[str, ...]  # by stored rollouts alone
    wanted: Mapping[str, int]  # attempts under the new policy, by id
    carried: tuple[str, ...]  # keep the score before
    unscored: tuple[str, ...]  # have none to keep
    again: Mapping[str, tuple[int, int]]  # of the dropped, by stratum: how many there are, and how many of them are attempted


def work(job: Job, before: Before) -> Work:
    """The refresh of a job whose policy is the checkpoint. The key is `<ledger key>+<scoring>`, as of `score`, which stands in where
    scores are no pass rates: nothing that training stores tells a search's iterations.
    """
    part = score.scorer(job)
    if job.plan.score.scorer != "pass_rate" or part.at_length is not None:
        return score.work(job)
    ids, verifiers = side_ids(job, "train"), side_verifiers(job, "train")
    loop = job.plan.loop.model_dump(exclude={"rounds", "low", "high"})
    was = (before.scoring, before.selection, before.training)
    scoring = content_id("refreshed", score.scoring_key(job, verifiers, ids), *was, loop, job.plan.seed)
    key = f"{content_id('refresh', scoring, ids)}+{scoring}"
    if job.finished("refresh", key):
        return Work("refresh", key, len(ids), {}, lambda: _nothing())
    labels = side(job, "train")[1]
    seen, told = fresh(job, before.training, labels), old(job, before.scoring)
    made = choose(job, sorted(labels), kept(job, before.selection), seen, told)
    samples = sum(made.wanted.values())
    left = {"problems": len(made.wanted), "samples at most": samples, "tokens at most": samples * job.plan.policy.max_tokens}
    return Work("refresh", key, len(ids), left, lambda: _refresh(job, key, before, made, seen, told))


def fresh(job: Job, training: str, labels: Mapping[str, Label]) -> dict[str, Seen]:
    """What a training's last steps tell of each problem that they met, as the plan's scorer counts cut attempts."""
    loop, part = job.plan.loop, score.scorer(job)
    if job.plan.train_sampler.id != job.plan.policy.sampler.id:
        job.narrator.warn("training sampled otherwise than scoring does, so its rollouts tell no pass rate: all that was selected is attempted")
    versions = sorted({f"{label.verifier}@{job.judge.version(label.verifier)}" for label in labels.values()})
    asked = [loop.window, loop.discount, job.mode, training, job.plan.policy.sampler.id, sorted(label.id for label in labels.values()), versions]
    found = {}
    for row in job.lake.rows(FRESH, asked):
        counts = Counts(row["n_correct"], row["n_wrong"], row["n_truncated"], row["n_error"])
        cut = row["cut"] if part.truncated == "wrong" else 0.0
        found[row["problem_id"]] = Seen(row["post_a"] - 0.5, row["post_b"] - 0.5 + cut, counts, row["disputed"])
    return found


def old(job: Job, scoring: str) -> dict[str, dict[str, Any]]:
    """The scores before, by problem."""
    return {row["problem_id"]: row for row in score.current_scores(job, scoring)}


def kept(job: Job, selection: str) -> set[str]:
    """What the round before selected."""
    return {row["problem_id"] for row in job.lake.rows(KEPT, [selection])}


def choose(job: Job, ids: Sequence[str], selected: set[str], seen: Mapping[str, Seen], told: Mapping[str, Mapping[str, Any]]) -> Choice:
    """What stored rollouts decide, what is attempted and how often, and what keeps its score.

    A problem is decided when its interval is at most `loop.width` wide. The attempts that an undecided one lacks to the scorer's n are drawn,
    stored ones counted by their weight; a selected one that training did not meet gets n.
    """
    loop, part = job.plan.loop, score.scorer(job)
    decided = {id_ for id_, each in seen.items() if _width(part, each) <= loop.width and each.right + each.wrong > 0}
    wanted = {id_: max(1, math.ceil(part.n - each.right - each.wrong)) for id_, each in seen.items() if id_ not in decided}
    wanted |= dict.fromkeys(selected - seen.keys(), part.n)
    dropped = {id_: _stratum(part, told.get(id_)) for id_ in ids if id_ not in selected and id_ not in seen}
    drawn = shared(dropped, {UNSOLVED: loop.share_unsolved}, loop.share, job.plan.seed, job.engine.policy.revision)
    wanted |= dict.fromkeys(drawn, part.n)
    rest = [id_ for id_ in dropped if id_ not in wanted]
    sizes, many = Counter(dropped.values()), Counter(dropped[id_] for id_ in drawn)
    return Choice(
        decided=tuple(sorted(decided)),
        wanted={id_: wanted[id_] for id_ in sorted(wanted)},
        carried=tuple(id_ for id_ in rest if id_ in told),
        unscored=tuple(id_ for id_ in rest if id_ not in told),
        again={name: (sizes[name], many[name]) for name in sorted(sizes)},
    )


def _stratum(part: Any, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return UNSCORED
    return stratum(row["correct"], row["wrong"] + (row["truncated"] if part.truncated == "wrong" else 0), row["value"])


def _width(part: Any, seen: Seen) -> float:
    low, high = interval(seen.right, seen.wrong, prior=_prior(part), level=part.level)
    return float(high - low)


def _prior(part: Any) -> str:
    return part.prior if part.prior in PRIORS else "jeffreys"  # a fitted prior rests on the whole pool's attempts under one policy


def _refresh(job: Job, key: str, before: Before, made: Choice, seen: Mapping[str, Seen], told: Mapping[str, Mapping[str, Any]]) -> Outcome:
    began, scoring, part = time.monotonic(), key.partition("+")[2], score.scorer(job)
    problems, labels = side(job, "train")
    attempts = Attempts(job, problems, labels)
    found = attempts.first(made.wanted)
    if len(found) < len(made.wanted):
        why = attempts.stopped or f"{attempts.failed} attempts failed"
        raise Stopped(f"{why}; {len(found)} of {len(made.wanted)} problems were attempted anew, and no rate was told")
    both = {id_: _plus(part, seen.get(id_, Seen()), tally.counts) for id_, tally in found.items()} | {id_: seen[id_] for id_ in made.decided}
    unsure = disputed(job, labels, job.engine.policy.revision, attempts.sampler.id)
    rows = [_row(job, part, id_, _known(job, both[id_], seen.get(id_), id_ in unsure), labels[id_], scoring) for id_ in sorted(both)]
    rows += [_carried(told[id_], scoring) for id_ in made.carried]
    detail = {
        "policy": job.engine.policy.revision,
        "selection": before.selection,  # of the training that made it
        "decided": len(made.decided),
        "attempted": len(made.wanted),
        "carried": len(made.carried),
        "unscored": len(made.unscored),
        "samples": sum(tally.counts.total for tally in found.values()),
        "tokens": sum(tally.tokens for tally in found.values()),
        "again": {name: list(pair) for name, pair in made.again.items()},
        "opened": sum(found[id_].counts.correct > 0 for id_ in made.wanted if id_ in told and told[id_]["correct"] == 0),
    }
    return job.finish(Outcome("refresh", key, len(problems), len(rows), detail, time.monotonic() - began), {"scores": rows})


def _plus(part: Any, seen: Seen, counts: Counts) -> Seen:
    """Stored evidence with new attempts, which weigh 1 each."""
    was = seen.counts
    whole = Counts(was.correct + counts.correct, was.wrong + counts.wrong, was.truncated + counts.truncated, was.error + counts.error)
    failed = counts.wrong + (counts.truncated if part.truncated == "wrong" else 0)
    return Seen(seen.right + counts.correct, seen.wrong + failed, whole)


def _known(job: Job, both: Seen, trained: Seen | None, attempted: bool) -> Seen:
    """Disputed where one of both kinds of evidence is, and neither holds a strictly right attempt."""
    unsure = attempted or (trained is not None and trained.disputed)
    return replace(both, disputed=unsure and (job.mode == "lenient" or not both.counts.correct))


def _row(job: Job, part: Any, id_: str, seen: Seen, label: Label, scoring: str) -> dict[str, Any]:
    prior = _prior(part)
    a, b = posterior(seen.right, seen.wrong, prior=prior)
    low, high = interval(seen.right, seen.wrong, prior=prior, level=part.level)
    content = {
        "problem_id": id_,
        "scorer": "pass_rate",
        "prior": prior,
        "post_a": float(a),
        "post_b": float(b),
        "value": float(mean(a, b)),
        "low": float(low),
        "high": float(high),
        "correct": seen.counts.correct,
        "wrong": seen.counts.wrong,
        "truncated": seen.counts.truncated,
        "error": seen.counts.error,
        "scoring": scoring,
        "policy": job.engine.policy.revision,
        "sampler": job.plan.policy.sampler.id,
        "verifier": f"{label.verifier}@{job.judge.version(label.verifier)}",
        "censored": False,
        **({"disputed": True} if seen.disputed else {}),  # null = no
    }
    return {"id": content_id("score", content), **content}


def _carried(row: Mapping[str, Any], scoring: str) -> dict[str, Any]:
    left_out = ("id", "run") if row["disputed"] else ("id", "run", "disputed")  # null stays out of the id
    content = {name: value for name, value in row.items() if name not in left_out} | {"scoring": scoring}
    return {"id": content_id("score", content), **content}


def _nothing() -> Outcome:
    raise AssertionError("a finished stage is read from the ledger")
