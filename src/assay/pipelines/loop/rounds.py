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

from assay.core.config import Config
from assay.core.errors import ConfigError, Stopped
from assay.core.identity import content_id
from assay.maths.rl.evaluation import count_moves
from assay.pipelines.context.results import StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side_ids, side_verifiers
from assay.pipelines.data.scores import current_scores
from assay.pipelines.loop import evaluate
from assay.pipelines.loop import refresh as refreshing
from assay.pipelines.loop.checkpoints import checkpoint, on, reader
from assay.pipelines.runner.stages import restored, run_next_stage, run_planned, run_regrade, run_stages
from assay.pipelines.stages import stage_names
from assay.pipelines.stages import train as training

DECIDE_NOTHING = {"score": {"wave"}, "train": training.ELSEWHERE, "loop": {"rounds"}}
SAMPLED = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE policy IN (SELECT unnest(?::VARCHAR[])) AND step IS NULL AND problem_id IN (SELECT unnest(?::VARCHAR[]))
"""
TRAINED = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE "group" IS NOT NULL AND policy IN (SELECT policy FROM train_metrics WHERE training = ? UNION SELECT policy FROM superseded WHERE training = ?)
"""
HELD_OUT = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE "group" IS NULL AND problem_id IN (SELECT unnest(?::VARCHAR[]))
  AND (policy IN (SELECT unnest(?::VARCHAR[])) OR policy IN (SELECT policy FROM train_metrics WHERE training = ? AND name = 'eval_pass_at_1'))
"""
SCORED = "SELECT count(*) AS n FROM scores WHERE policy = ? AND problem_id IN (SELECT unnest(?::VARCHAR[]))"


@dataclass
class Round:
    """One round: its run, whose policy is the checkpoint of the round before, and what was done in it."""

    number: int  # from 1
    context: RunContext
    results: StageResults  # of the stages that it has come to; a refresh stands under `score`
    before: refreshing.EarlierScore | None = None
    outcomes: list[StageResult] = field(default_factory=list)

    def key(self, what: str) -> StageKey:
        """Hash of all that decides the round, where this part of it is looked up in the ledger."""
        context, config = self.context, self.context.config
        tables = {
            name: getattr(config, name).model_dump(mode="json", exclude=DECIDE_NOTHING.get(name))
            for name in (*curating_stages(), "train", "loop")
            if name in type(config).model_fields
        }
        versions = sorted(
            (name, context.judge.version(name)) for name in side_verifiers(context, self.results, "train")
        )
        pool = [str(self.results.of(name).key) for name in pool_stages()]
        how = (context.engine.policy.revision, config.policy.sampler.id, config.seed, tables)
        return StageKey.of(content_id(what, self.number, pool, versions, *how))

    @cached_property
    def following(self) -> "Round":
        """The round that this one's checkpoint begins.

        Raises:
            ConfigError: the checkpoint is not there.
        """
        before = refreshing.EarlierScore(*(self.results.rows_of(name) for name in ("score", "select", "train")))
        context = self.context.beside(_on_checkpoint(self.context, before.training, self.number + 1))
        return Round(self.number + 1, context, self.results.only(*pool_stages()), before)


def pool_stages() -> tuple[str, ...]:
    """The stages that are done once: all rounds share the pool and its held-out problems."""
    return stage_names()[: stage_names().index("score")]


def curating_stages() -> tuple[str, ...]:
    """The stages that every round does on its own policy."""
    return stage_names()[stage_names().index("score") :]


def loop(context: RunContext) -> list[Round]:
    """All rounds of the plan, each curated, trained, refreshed and reported; what the ledger knows is not done again.

    Raises:
        ConfigError: nothing is held out, an engine that cannot load a checkpoint, or a checkpoint that is gone.
        Stopped: a stop or a limit; the same call goes on from there.
    """
    return list(rounds(context))


def rounds(context: RunContext) -> Iterator[Round]:
    """The same, round by round: each is yielded when it is done.

    Raises:
        ConfigError, Stopped: as `loop`.
    """
    check(context.config)
    one = first(context)
    while True:
        for stage in STAGES.values():
            one.outcomes.append(stage(one))
        yield one
        if one.number == context.config.loop.rounds:
            return
        one = one.following


def check(config: Config) -> None:
    """Passes where rounds can follow one another and be compared.

    Raises:
        ConfigError: nothing is held out, or an engine that cannot load a checkpoint.
    """
    reader(config.policy)
    if not config.split.held_out:
        raise ConfigError("rounds are compared on held-out problems, and nothing is held out: split.held_out is 0")


def first(context: RunContext) -> Round:
    """The first round, on the plan's own policy; the pool is ingested, cleaned and split."""
    return Round(1, context, run_stages(context, pool_stages()[-1]))


def curate(one: Round) -> StageResult:
    """Scores, clusters, selection and curriculum of a round, whose keys the ledger keeps: what later rounds add to the lake changes none of them."""
    context, key = one.context, one.key("curate")
    if done := context.finished("curate", key):
        keys = {name: StageKey.parse(text) for name, text in done.detail["keys"].items()}
        one.results = one.results.plus(*(restored(context, name, key) for name, key in keys.items()))
        return done
    _say(one, f"curates with {context.config.policy.model} by {context.config.policy.engine}")
    with closing(context):  # the engine's model makes room for the one that is trained
        scored = _score(one)
        for name in curating_stages()[1:]:
            one.results = one.results.plus(run_next_stage(context, name, one.results))
        detail = {
            "round": one.number,
            "keys": {name: str(one.results.of(name).key) for name in curating_stages()},
        }
        return context.finish(StageResult("curate", key, scored.rows_in, one.results[-1].rows_out, detail))


def train(one: Round) -> StageResult:
    """The round's training; one that was stopped or killed goes on."""
    stage = training.Train(one.context, one.results)
    done = stage.finished()
    with closing(one.context):
        outcome = done or run_planned(stage)
    one.results = one.results.plus(outcome)
    return outcome


def refresh(one: Round) -> StageResult:
    """The pass rates of the round's checkpoint, with which the next round is curated."""
    ahead, before = one.following, one.following.before
    assert before is not None
    # what the lake holds by now may be more than the round read
    if reported := one.context.finished("round", one.key("round")):
        key = StageKey.parse(reported.detail["scores"])
        ahead.results = ahead.results.plus(restored(ahead.context, "score", key))
        return replace(reported, stage="refresh", key=key, detail=reported.detail["refresh"])
    with closing(ahead.context):
        stage = refreshing.rescoring(ahead.context, ahead.results, before)
        if (done := stage.finished()) is None:
            policy = ahead.context.config.policy
            _say(one, f"refreshes: pass rates of {policy.model} by {policy.engine}")
        outcome = done or run_planned(stage)
    _whole(outcome)
    ahead.results = ahead.results.plus(replace(outcome, stage="score"))
    return outcome


def report(one: Round) -> StageResult:
    """What the round was worth, in `detail`: held-out pass@1 before and after with the paired difference, how the band drifted, what was spent."""
    context, key = one.context, one.key("round")
    if done := context.finished("round", key):
        return done
    held = evaluate.points(
        evaluate.counted(context, one.results, one.results.rows_of("train"), context.config.train.eval_samples)
    )
    if limit := context.limit_reached():
        raise Stopped(f"{limit}, while held-out problems were attempted")
    detail = {
        "round": one.number,
        "policy": context.engine.policy.revision,
        "checkpoint": one.following.context.config.policy.model,
        "training": one.results.rows_of("train"),
        "selection": one.results.rows_of("select"),
        "scores": str(one.following.results.of("score").key),
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
    return context.finish(StageResult("round", key, held[-1]["problems"], 1, detail))


STAGES: dict[str, Callable[[Round], StageResult]] = {
    "curate": curate,
    "train": train,
    "refresh": refresh,
    "round": report,
}


def renew(context: RunContext) -> dict[str, Any]:
    """Scores again what has gone stale, for `curate refresh`: rollouts under a new verifier or label are judged anew, and after a training the pass
    rates of its checkpoint are told; of several rounds, of the last one that was trained.

    Raises:
        ConfigError: the plan was never scored, or its engine cannot load the checkpoint.
        Stopped: a stop or a limit; attempts are kept, and the same call goes on.
    """
    judged = run_regrade(context)
    one = first(context)
    if not context.lake.rows(SCORED, [context.engine.policy.revision, side_ids(context, one.results, "train")])[0]["n"]:
        raise ConfigError("nothing to refresh: this plan was never scored; `curate run PLAN` first")
    told = [curate(one)]
    while training.Train(one.context, one.results).finished():
        reader(context.config.policy)
        told += [train(one), refresh(one)]
        ahead = one.following
        if ahead.context.finished("curate", ahead.key("curate")) is None:
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
        "tokens": context.meter.tokens,
    }


def _score(one: Round) -> StageResult:
    """The round's scores: measured in the first, refreshed before every other began."""
    context = one.context
    if one.before is None:
        outcome = run_next_stage(context, "score", one.results)
    else:
        stage = refreshing.rescoring(context, one.results, one.before)
        outcome = stage.finished() or run_planned(stage)
    _whole(outcome)
    one.results = one.results.plus(replace(outcome, stage="score"))
    return outcome


def _whole(outcome: StageResult) -> None:
    if outcome.partly:
        raise Stopped(
            f"only {outcome.rows_out} of {outcome.rows_in} problems could be scored, and no round is begun on a part of them"
        )


def _on_checkpoint(context: RunContext, training: str, number: int) -> Config:
    """The plan on the checkpoint of the run's training; where the plan names a folder for checkpoints, each round gets one within."""
    config = context.config
    folder = str(checkpoint(context, training))
    output = config.train.output and f"{config.train.output.removesuffix(f'/round-{number - 1}')}/round-{number}"
    teacher = config.train.teacher.model_copy(
        update={"model": config.train.teacher.model or config.policy.model}
    )  # of all rounds: it stays frozen
    changed = {
        "policy": on(config.policy, folder, reader(config.policy)),
        "train": config.train.model_copy(update={"output": output, "teacher": teacher}),
    }
    return config.model_copy(update=changed)


def _refreshed(one: Round) -> dict[str, Any]:
    """What the refresh decided from stored rollouts and what it attempted; {} where the scorer measured everybody anew."""
    ahead = one.following
    done = ahead.context.finished("refresh", ahead.results.of("score").key)
    return dict(done.detail) if done else {}


def _drift(one: Round) -> dict[str, int]:
    """How many problems left the band and entered it, of those that were measured both before the round and anew after it."""
    loop = one.context.config.loop
    before = _rates(one)
    after = _rates(one.following, one.following.context.engine.policy.revision)
    shared = sorted(before.keys() & after.keys())
    return count_moves(
        np.array([before[id_] for id_ in shared]), np.array([after[id_] for id_ in shared]), loop.low, loop.high
    )


def _rates(one: Round, policy: str = "") -> dict[str, float]:
    """A run's scores by problem; with a policy, only those that were measured for it."""
    rows = current_scores(one.context, one.results.rows_of("score"))
    told = (row for row in rows if row["value"] is not None and (row["low"], row["high"]) != (0.0, 1.0))
    return {row["problem_id"]: row["value"] for row in told if policy in ("", row["policy"])}


def _spent(one: Round) -> dict[str, dict[str, int]]:
    """Rollouts and tokens of a round: attempts at the pool (the first round's scoring, and every refresh), training, held-out problems."""
    lake, own, ahead = (
        one.context.lake,
        one.context.engine.policy.revision,
        one.following.context.engine.policy.revision,
    )
    key = one.results.rows_of("train")
    pool, held = (side_ids(one.context, one.results, name) for name in ("train", "held_out"))
    both = [own, ahead] if one.before is None else [ahead]
    return {
        "sampling": lake.rows(SAMPLED, [both, pool])[0],
        "training": lake.rows(TRAINED, [key, key])[0],
        "held_out": lake.rows(HELD_OUT, [held, both, key])[0],
    }


def _say(one: Round, text: str) -> None:
    one.context.reporter.say(f"round {one.number} of {one.context.config.loop.rounds} {text}")


def _finite(ends: tuple[float, float, float] | None) -> list[float | None] | None:
    return None if ends is None else [None if math.isnan(each) else each for each in ends]
