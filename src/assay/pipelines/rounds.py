"""The loop: curate, train, refresh, and again on the last checkpoint. Each stage of each round is a line of the ledger, so a stopped loop goes on
in the round, stage and step where it stood, and a finished one finds nothing to do.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from assay.core.errors import PlanError, Stopped
from assay.core.identity import content_id
from assay.core.plan import Plan
from assay.maths.evaluation import moved
from assay.pipelines import evaluate, regrade, score
from assay.pipelines import refresh as refreshing
from assay.pipelines import train as training
from assay.pipelines.checkpoints import checkpoint, on, reader
from assay.pipelines.job import Job, Outcome
from assay.pipelines.pool import side_ids, side_verifiers
from assay.pipelines.walk import do, step, walk

POOL = ("ingest", "clean", "split")  # done once: all rounds share the pool and its held-out problems
TABLES = ("score", "embed", "select", "arrange", "train", "loop")  # of a plan, that decide a round
DECIDE_NOTHING = {"score": {"wave"}, "train": training.ELSEWHERE, "loop": {"rounds"}}
SAMPLED = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE policy IN (SELECT unnest(?::VARCHAR[])) AND step IS NULL AND problem_id IN (SELECT unnest(?::VARCHAR[]))
"""
TRAINED = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE "group" IS NOT NULL AND policy IN (SELECT policy FROM train_log WHERE training = ? UNION SELECT policy FROM superseded WHERE training = ?)
"""
HELD_OUT = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE "group" IS NULL AND problem_id IN (SELECT unnest(?::VARCHAR[]))
  AND (policy IN (SELECT unnest(?::VARCHAR[])) OR policy IN (SELECT policy FROM train_log WHERE training = ? AND name = 'eval_pass_at_1'))
"""
SCORED = "SELECT count(*) AS n FROM scores WHERE policy = ? AND problem_id IN (SELECT unnest(?::VARCHAR[]))"


@dataclass
class Round:
    """One round: its job, whose policy is the checkpoint of the round before, and what was done in it."""

    number: int  # from 1
    job: Job
    before: refreshing.Before | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    def key(self, what: str) -> str:
        """Hash of all that decides the round, where this part of it is looked up in the ledger."""
        job, plan = self.job, self.job.plan
        tables = {name: getattr(plan, name).model_dump(mode="json", exclude=DECIDE_NOTHING.get(name)) for name in TABLES}
        versions = sorted((name, job.judge.version(name)) for name in side_verifiers(job, "train"))
        pool = [job.keys[name] for name in POOL]
        return content_id(what, self.number, pool, versions, job.engine.policy.revision, plan.policy.sampler.id, plan.seed, tables)

    @cached_property
    def following(self) -> "Round":
        """The round that this one's checkpoint begins.

        Raises:
            PlanError: the checkpoint is not there.
        """
        keys = {name: self.job.key_of(name, "the next round") for name in (*POOL, "score", "select", "train")}
        job = self.job.beside(_on_checkpoint(self.job, self.number + 1))
        job.keys = {name: keys[name] for name in POOL}
        return Round(self.number + 1, job, refreshing.Before(keys["score"].partition("+")[2], keys["select"], keys["train"]))


def loop(job: Job) -> list[Round]:
    """All rounds of the plan, each curated, trained, refreshed and reported; what the ledger knows is not done again.

    Raises:
        PlanError: nothing is held out, an engine that cannot load a checkpoint, or a checkpoint that is gone.
        Stopped: a stop or a limit; the same call goes on from there.
    """
    return list(rounds(job))


def rounds(job: Job) -> Iterator[Round]:
    """The same, round by round: each is yielded when it is done.

    Raises:
        PlanError, Stopped: as `loop`.
    """
    check(job.plan)
    one = first(job)
    while True:
        for stage in STAGES.values():
            one.outcomes.append(stage(one))
        yield one
        if one.number == job.plan.loop.rounds:
            return
        one = one.following


def check(plan: Plan) -> None:
    """Passes where rounds can follow one another and be compared.

    Raises:
        PlanError: nothing is held out, or an engine that cannot load a checkpoint.
    """
    reader(plan.policy)
    if not plan.split.held_out:
        raise PlanError("rounds are compared on held-out problems, and nothing is held out: split.held_out is 0")


def first(job: Job) -> Round:
    """The first round, on the plan's own policy; the pool is ingested, cleaned and split."""
    walk(job, "split")
    return Round(1, job)


def curate(one: Round) -> Outcome:
    """Scores, clusters, selection and curriculum of a round, whose keys the ledger keeps: what later rounds add to the lake changes none of them."""
    job, key = one.job, one.key("curate")
    if done := job.finished("curate", key):
        job.keys |= done.detail["keys"]
        return done
    _say(one, f"curates with {job.plan.policy.model} by {job.plan.policy.engine}")
    with closing(job):  # the engine's model makes room for the one that is trained
        scored = _score(one)
        for name in ("embed", "select", "arrange"):
            last = step(job, name)
        keys = {name: job.keys[name] for name in ("score", "embed", "select", "arrange")}
        return job.finish(Outcome("curate", key, scored.rows_in, last.rows_out, {"round": one.number, "keys": keys}))


def train(one: Round) -> Outcome:
    """The round's training; one that was stopped or killed goes on."""
    work = training.work(one.job)
    done = one.job.finished("train", work.key)
    with closing(one.job):
        outcome = done or do(one.job, work)
    one.job.keys["train"] = outcome.key
    return outcome


def refresh(one: Round) -> Outcome:
    """The pass rates of the round's checkpoint, with which the next round is curated."""
    assert one.following.before is not None
    job = one.following.job
    if told := one.job.finished("round", one.key("round")):  # what the lake holds by now may be more than the round read
        job.keys["score"] = told.detail["scores"]
        return replace(told, stage="refresh", key=told.detail["scores"], detail=told.detail["refresh"])
    with closing(job):
        work = refreshing.work(job, one.following.before)
        if (done := job.finished(work.stage, work.key)) is None:
            _say(one, f"refreshes: pass rates of {job.plan.policy.model} by {job.plan.policy.engine}")
        outcome = done or do(job, work)
    _whole(outcome)
    job.keys["score"] = outcome.key
    return outcome


def report(one: Round) -> Outcome:
    """What the round was worth, in `detail`: held-out pass@1 before and after with the paired difference, how the band drifted, what was spent."""
    job, key = one.job, one.key("round")
    if done := job.finished("round", key):
        return done
    held = evaluate.points(evaluate.counted(job, job.keys["train"], job.plan.train.eval_samples))
    if limit := job.limit_reached():
        raise Stopped(f"{limit}, while held-out problems were attempted")
    detail = {
        "round": one.number,
        "policy": job.engine.policy.revision,
        "checkpoint": one.following.job.plan.policy.model,
        "training": job.keys["train"],
        "selection": job.keys["select"],
        "scores": one.following.job.keys["score"],
        "held_out": {
            "problems": held[-1]["problems"],
            "before": _finite(held[0]["pass_at_1"]),
            "after": _finite(held[-1]["pass_at_1"]),
            "difference": _finite(held[-1]["difference"]),
        },
        "band": _drift(one),
        "refresh": _refreshed(one),
        "spent": _spent(one),
    }
    return job.finish(Outcome("round", key, held[-1]["problems"], 1, detail))


STAGES: dict[str, Callable[[Round], Outcome]] = {"curate": curate, "train": train, "refresh": refresh, "round": report}


def renew(job: Job) -> dict[str, Any]:
    """Scores again what has gone stale, for `curate refresh`: rollouts under a new verifier or label are judged anew, and after a training the pass
    rates of its checkpoint are told; of several rounds, of the last one that was trained.

    Raises:
        PlanError: the plan was never scored, or its engine cannot load the checkpoint.
        Stopped: a stop or a limit; attempts are kept, and the same call goes on.
    """
    judged = regrade.regrade(job)
    one = first(job)
    if not job.lake.rows(SCORED, [job.engine.policy.revision, side_ids(job, "train")])[0]["n"]:
        raise PlanError("nothing to refresh: this plan was never scored; `curate run PLAN` first")
    told = [curate(one)]
    while job.finished("train", training.work(one.job).key):
        reader(job.plan.policy)
        told += [train(one), refresh(one)]
        ahead = one.following
        if ahead.job.finished("curate", ahead.key("curate")) is None:
            break
        one = ahead
        told.append(curate(one))
    refreshed = [outcome for outcome in told if outcome.stage in ("refresh", "score")]
    return {
        "nothing_to_do": not judged["judged"] and all(outcome.reused for outcome in told),
        "regraded": judged["judged"],
        "left": judged["left"],
        "rescored": not told[0].reused,
        "round": one.number,
        "refresh": dict(refreshed[-1].detail) if refreshed else None,
        "tokens": job.meter.tokens,
    }


def _score(one: Round) -> Outcome:
    """The round's scores: measured in the first, refreshed before every other began."""
    job = one.job
    if one.before is None:
        outcome = step(job, "score")
    else:
        work = refreshing.work(job, one.before)
        outcome = job.finished(work.stage, work.key) or do(job, work)
        job.keys["score"] = outcome.key
    _whole(outcome)
    return outcome


def _whole(outcome: Outcome) -> None:
    if outcome.partly:
        raise Stopped(f"only {outcome.rows_out} of {outcome.rows_in} problems could be scored, and no round is begun on a part of them")


def _on_checkpoint(job: Job, number: int) -> Plan:
    """The plan on the checkpoint of the job's training; where the plan names a folder for checkpoints, each round gets one within."""
    plan = job.plan
    folder = str(checkpoint(job, job.keys["train"]))
    output = plan.train.output and f"{plan.train.output.removesuffix(f'/round-{number - 1}')}/round-{number}"
    teacher = plan.train.teacher.model_copy(update={"model": plan.train.teacher.model or plan.policy.model})  # of all rounds: it stays frozen
    changed = {"policy": on(plan.policy, folder, reader(plan.policy)), "train": plan.train.model_copy(update={"output": output, "teacher": teacher})}
    return plan.model_copy(update=changed)


def _refreshed(one: Round) -> dict[str, Any]:
    """What the refresh decided from stored rollouts and what it attempted; {} where the scorer measured everybody anew."""
    job = one.following.job
    done = job.finished("refresh", job.key_of("score", "a round's report"))
    return dict(done.detail) if done else {}


def _drift(one: Round) -> dict[str, int]:
    """How many problems left the band and entered it, of those that were measured both before the round and anew after it."""
    ahead, loop = one.following.job, one.job.plan.loop
    before, after = _rates(one.job), _rates(ahead, ahead.engine.policy.revision)
    shared = sorted(before.keys() & after.keys())
    return moved(np.array([before[id_] for id_ in shared]), np.array([after[id_] for id_ in shared]), loop.low, loop.high)


def _rates(job: Job, policy: str = "") -> dict[str, float]:
    """A job's scores by problem; with a policy, only those that were measured for it."""
    rows = score.current_scores(job, job.key_of("score", "a round's report").partition("+")[2])
    told = (row for row in rows if row["value"] is not None and (row["low"], row["high"]) != (0.0, 1.0))
    return {row["problem_id"]: row["value"] for row in told if policy in ("", row["policy"])}


def _spent(one: Round) -> dict[str, dict[str, int]]:
    """Rollouts and tokens of a round: attempts at the pool (the first round's scoring, and every refresh), training, held-out problems."""
    lake, own, ahead = one.job.lake, one.job.engine.policy.revision, one.following.job.engine.policy.revision
    key = one.job.keys["train"]
    pool, held = side_ids(one.job, "train"), side_ids(one.job, "held_out")
    both = [own, ahead] if one.before is None else [ahead]
    return {
        "sampling": lake.rows(SAMPLED, [both, pool])[0],
        "training": lake.rows(TRAINED, [key, key])[0],
        "held_out": lake.rows(HELD_OUT, [held, both, key])[0],
    }


def _say(one: Round, text: str) -> None:
    one.job.narrator.say(f"round {one.number} of {one.job.plan.loop.rounds} {text}")


def _finite(ends: tuple[float, float, float] | None) -> list[float | None] | None:
    return None if ends is None else [None if math.isnan(each) else each for each in ends]
