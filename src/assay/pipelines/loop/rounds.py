"""The loop: curate, train, refresh, and again on the last checkpoint.

Each stage of each round is a line of the ledger, so a stopped loop goes on in the round, stage and step where it
stopped, and a finished one finds nothing to do.
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
from assay.core.setting_names import first_table, first_table_name
from assay.maths.rl.evaluation import count_moves
from assay.pipelines.context.imported import DRAWN
from assay.pipelines.context.results import StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import side_ids, side_verifiers
from assay.pipelines.data.scores import current_scores
from assay.pipelines.loop import evaluate
from assay.pipelines.loop import refresh as refreshing
from assay.pipelines.loop.checkpoints import checkpoint_engine, find_checkpoint, policy_on_checkpoint
from assay.pipelines.runner.stages import restore_result, run_next_stage, run_planned, run_regrade, run_stages
from assay.pipelines.stages import KINDS, pool_stages, stage_names
from assay.pipelines.stages import train as training
from assay.pipelines.stages.score import first_truncated
from assay.pipelines.stages.stored_synthesis import find_synthesis
from assay.pipelines.stages.synthesize import Synthesize

DECIDE_NOTHING = {"score": {"problems_per_commit"}, "train": training.ELSEWHERE, "loop": {"rounds", "kinds"}}
TABLES = {"sft": "targets", "dpo": "pairs", "kto": "targets"}  # what a round of this kind learns
SAMPLED = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE policy IN (SELECT unnest(?::VARCHAR[])) AND step IS NULL AND problem_id IN (SELECT unnest(?::VARCHAR[]))
"""
TRAINED = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE "group" IS NOT NULL AND policy IN
    (SELECT policy FROM train_metrics WHERE training = ? UNION SELECT policy FROM superseded WHERE training = ?)
"""
HELD_OUT = """
SELECT count(*) AS rollouts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM rollouts
WHERE "group" IS NULL AND problem_id IN (SELECT unnest(?::VARCHAR[]))
  AND (policy IN (SELECT unnest(?::VARCHAR[]))
       OR policy IN (SELECT policy FROM train_metrics WHERE training = ? AND name = 'eval_pass_at_1'))
"""
SCORED = "SELECT count(*) AS n FROM scores WHERE policy = ? AND problem_id IN (SELECT unnest(?::VARCHAR[]))"


@dataclass
class Round:
    """One round: its run, on the checkpoint of the round before, and what was done in it."""

    number: int  # from 1
    context: RunContext
    results: StageResults  # of the stages done so far; a refresh is found under `score`
    before: refreshing.EarlierScore | None = None
    outcomes: list[StageResult] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Of its training: grpo, sft, dpo or kto."""
        kinds = self.context.config.loop.kinds
        return kinds[(self.number - 1) % len(kinds)]

    def training(self) -> Stage:
        """The stage that trains in this round."""
        return KINDS[self.kind].load()(self.context, self.results)

    def key(self, what: str) -> StageKey:
        """Hash all that decides the round, into the key under which the ledger has `what`, a part of it."""
        context, config = self.context, self.context.config
        excluded = DECIDE_NOTHING | {"train": DECIDE_NOTHING["train"] | training.default_fields(config.train)}
        excluded |= {"score": DECIDE_NOTHING["score"] | ({"evidence"} if context.imported is None else set())}
        tables: dict[str, Any] = {
            first_table_name(name): first_table(
                name, getattr(config, name).model_dump(mode="json", exclude=excluded.get(name))
            )
            for name in (*curating_stages(), "loop")
            if name in type(config).model_fields
        }
        tables["train"] = training.first_train_table(config, excluded["train"])
        tables["score"] |= first_truncated(config)
        if self.kind != "grpo":
            learnt = {
                name: first_table(name, getattr(config, name).model_dump(mode="json"))
                for name in ("synthesize", self.kind)
            }
            tables |= {"kind": self.kind, **learnt}
        versions = sorted(
            (name, context.judge.version(name)) for name in side_verifiers(context, self.results, "train")
        )
        pool = [str(self.results.of(name).key) for name in pool_stages()]
        how = (context.policy.revision, config.policy.sampler.id, config.seed, tables)
        return StageKey.of(content_id(what, self.number, pool, versions, *how))

    @cached_property
    def following(self) -> "Round":
        """The next round, whose policy is this one's checkpoint.

        Raises:
            ConfigError: the checkpoint is not there.
        """
        before = refreshing.EarlierScore(*(self.results.rows_of(name) for name in ("score", "select", "train")))
        context = self.context.beside(_config_on_checkpoint(self.context, self.results.of("train"), self.number + 1))
        return Round(self.number + 1, context, self.results.only(*pool_stages()), before)


def curating_stages() -> tuple[str, ...]:
    """Name the stages that every round does on its own policy."""
    return stage_names()[stage_names().index("score") :]


def run_loop(context: RunContext) -> list[Round]:
    """Run all rounds of the config: curate, train, refresh and report each; what the ledger knows is not done again.

    Returns:
        The rounds, each with the outcome of its stages.

    Raises:
        ConfigError: nothing is held out, an engine that cannot load a checkpoint, or a checkpoint that is gone.
        Stopped: a stop or a limit; the same call goes on from there.
    """
    return list(run_rounds(context))


def run_rounds(context: RunContext) -> Iterator[Round]:
    """Run the rounds as `run_loop` does, and yield each when it is done.

    Raises:
        ConfigError, Stopped: as `run_loop`.
    """
    check_config(context.config)
    round_ = first_round(context)
    while True:
        for stage in STAGES.values():
            round_.outcomes.append(stage(round_))
        yield round_
        if round_.number == context.config.loop.rounds:
            return
        round_ = round_.following


def check_config(config: Config) -> None:
    """Check that rounds can follow one another and be compared.

    Raises:
        ConfigError: nothing is held out, an engine that cannot load a checkpoint, or a round without a method of
            synthesis.
    """
    checkpoint_engine(config.policy)
    if not config.split.held_out:
        raise ConfigError("rounds are compared on held-out problems, but there are none: set split.held_out above 0")
    for kind in dict.fromkeys(config.loop.kinds):
        if kind != "grpo" and not (getattr(config, kind).method or config.synthesize.methods):
            raise ConfigError(
                f"loop.kinds has {kind!r}, which trains on synthesized rows: name a method in {kind}.method or "
                "synthesize.methods"
            )


def first_round(context: RunContext) -> Round:
    """Begin the first round, on the config's own policy; the pool is ingested, cleaned and split."""
    return Round(1, context, run_stages(context, pool_stages()[-1]))


def curate(round_: Round) -> StageResult:
    """Score, cluster, select and order for a round.

    The ledger keeps the keys of the outcomes, so what later rounds add to the lake changes none of them.
    """
    context, key = round_.context, round_.key("curate")
    if result := context.finished("curate", key):
        keys = {name: StageKey.parse(text) for name, text in result.detail["keys"].items()}
        round_.results = round_.results.plus(*(restore_result(context, name, key) for name, key in keys.items()))
        return result
    _announce(round_, f"curates with {context.config.policy.model} by {context.config.policy.engine}")
    with closing(context):  # the engine's model makes room for the one that is trained
        score_result = _score_round(round_)
        for name in curating_stages()[1:]:
            round_.results = round_.results.plus(run_next_stage(context, name, round_.results))
        if round_.kind != "grpo":
            round_.results = round_.results.plus(_synthesize(round_))
        stage_names = [name for name in (*curating_stages(), "synthesize") if name in round_.results]
        detail = {"round": round_.number, "keys": {name: str(round_.results.of(name).key) for name in stage_names}}
        return context.finish(StageResult("curate", key, score_result.rows_in, round_.results[-1].rows_out, detail))


def _synthesize(round_: Round) -> StageResult:
    """Make the rows that the round's training learns, from the attempts of its own policy."""
    context, config = round_.context, getattr(round_.context.config, round_.kind)
    names = (config.method,) if config.method else context.config.synthesize.methods
    for name in names:
        stage = Synthesize(context, round_.results, name)
        _require_whole(stage.finished() or run_planned(stage))
    synthesis = find_synthesis(context, round_.results, TABLES[round_.kind], config.method)
    return restore_result(context, "synthesize", StageKey.of(synthesis.id))


def train(round_: Round) -> StageResult:
    """Train on the round's curriculum, or on what it synthesized; a training that was stopped or killed goes on."""
    stage = round_.training()
    result = stage.finished()
    with closing(round_.context):
        outcome = result or run_planned(stage)
    round_.results = round_.results.plus(replace(outcome, stage="train"))  # of whatever kind
    return outcome


def refresh(round_: Round) -> StageResult:
    """Measure the pass rates of the round's checkpoint, with which the next round is curated."""
    ahead, before = round_.following, round_.following.before
    assert before is not None
    # a reported round is restored, since the lake may hold more by now than the round read
    if reported := round_.context.finished("round", round_.key("round")):
        key = StageKey.parse(reported.detail["scores"])
        ahead.results = ahead.results.plus(restore_result(ahead.context, "score", key))
        return replace(reported, stage="refresh", key=key, detail=reported.detail["refresh"])
    with closing(ahead.context):
        stage = refreshing.plan_rescoring(ahead.context, ahead.results, before)
        if (result := stage.finished()) is None:
            policy = ahead.context.config.policy
            _announce(round_, f"refreshes: pass rates of {policy.model} by {policy.engine}")
        outcome = result or run_planned(stage)
    _require_whole(outcome)
    ahead.results = ahead.results.plus(replace(outcome, stage="score"))
    return outcome


def report(round_: Round) -> StageResult:
    """Report what the round was worth.

    Returns:
        A result whose `detail` has held-out pass@1 before and after with the paired difference, the problems that left
        and entered the band, what the refresh did, and what was spent.

    Raises:
        Stopped: a limit was reached while held-out problems were attempted.
    """
    context, key = round_.context, round_.key("round")
    if result := context.finished("round", key):
        return result
    points = evaluate.compute_points(
        evaluate.count_held_out(context, round_.training(), context.config.train.eval_samples)
    )
    if limit := context.limit_reached():
        raise Stopped(f"{limit} while attempting held-out problems")
    detail = {
        "round": round_.number,
        "kind": round_.kind,
        "policy": context.policy.revision,
        "checkpoint": round_.following.context.config.policy.model,
        "training": round_.results.rows_of("train"),
        "selection": round_.results.rows_of("select"),
        "scores": str(round_.following.results.of("score").key),
        "held_out": {
            "problems": points[-1]["problems"],
            "before": _finite_or_none(points[0]["pass_at_1"]),
            "after": _finite_or_none(points[-1]["pass_at_1"]),
            "difference": _finite_or_none(points[-1]["difference"]),
        },
        "band": _count_drift(round_),
        "refresh": _refresh_detail(round_),
        "spent": _count_spent(round_),
    }
    return context.finish(StageResult("round", key, points[-1]["problems"], 1, detail))


STAGES: dict[str, Callable[[Round], StageResult]] = {
    "curate": curate,
    "train": train,
    "refresh": refresh,
    "round": report,
}


def refresh_stale(context: RunContext) -> dict[str, Any]:
    """Score again what has become stale, for `curate refresh`.

    Rollouts are judged anew where their verifier or label is new, and after a training the pass rates of its checkpoint
    are measured; of several rounds, those of the last one that was trained.

    Returns:
        {nothing_to_do, regraded: rollouts judged anew, left: rollouts still to be judged, rescored: whether the first
        round was scored again, round: the last one, refresh: the detail of its refresh or None, tokens}.

    Raises:
        ConfigError: the config was never scored, or its engine cannot load the checkpoint.
        Stopped: a stop or a limit; attempts are kept, and the same call goes on.
    """
    regrade_counts = run_regrade(context)
    round_ = first_round(context)
    pool = side_ids(context, round_.results, "train")
    if not context.lake.rows(SCORED, [context.policy.revision, pool])[0]["n"]:
        raise ConfigError("nothing to refresh, because this config was never scored: run `curate run CONFIG` first")
    outcomes = [curate(round_)]
    while round_.training().finished():
        checkpoint_engine(context.config.policy)
        outcomes += [train(round_), refresh(round_)]
        ahead = round_.following
        if ahead.context.finished("curate", ahead.key("curate")) is None:
            break
        round_ = ahead
        outcomes.append(curate(round_))
    refreshed = [outcome for outcome in outcomes if outcome.stage in ("refresh", "score")]
    return {
        "nothing_to_do": not regrade_counts["judged"] and all(outcome.reused for outcome in outcomes),
        "regraded": regrade_counts["judged"],
        "left": regrade_counts["left"],
        "rescored": not outcomes[0].reused,
        "round": round_.number,
        "refresh": dict(refreshed[-1].detail) if refreshed else None,
        "tokens": context.meter.tokens,
    }


def _score_round(round_: Round) -> StageResult:
    """Score the pool for a round: measured in the first, refreshed before every other began."""
    context = round_.context
    if round_.before is None:
        outcome = run_next_stage(context, "score", round_.results)
    else:
        stage = refreshing.plan_rescoring(context, round_.results, round_.before)
        outcome = stage.finished() or run_planned(stage)
    _require_whole(outcome)
    round_.results = round_.results.plus(replace(outcome, stage="score"))
    return outcome


def _require_whole(outcome: StageResult) -> None:
    if outcome.partly:
        raise Stopped(
            f"only {outcome.rows_out} of {outcome.rows_in} problems could be scored, and a round needs all of them"
        )


def _config_on_checkpoint(context: RunContext, training: StageResult, number: int) -> Config:
    """Put the config on the checkpoint of the run's training, which samples anew: imported attempts are another's.

    Where the config names a folder for checkpoints, each round gets a folder within it.
    """
    config = context.config
    folder = str(find_checkpoint(context, training))
    output = config.train.output and f"{config.train.output.removesuffix(f'/round-{number - 1}')}/round-{number}"
    # the first round's teacher is that of all rounds
    teacher = config.train.teacher.model_copy(
        update={"model": config.train.teacher.model or config.train.model or config.policy.model}
    )
    changed_tables = {
        "policy": policy_on_checkpoint(config.policy, folder, checkpoint_engine(config.policy)),
        "train": config.train.model_copy(update={"output": output, "teacher": teacher, "model": ""}),
        "score": config.score.model_copy(update={"evidence": DRAWN}),
    }
    return config.model_copy(update=changed_tables)


def _refresh_detail(round_: Round) -> dict[str, Any]:
    """Return what the refresh decided from stored rollouts and what it attempted; {} where all was measured anew."""
    ahead = round_.following
    result = ahead.context.finished("refresh", ahead.results.of("score").key)
    return dict(result.detail) if result else {}


def _count_drift(round_: Round) -> dict[str, int]:
    """Count the problems that left the band and entered it, of those measured before the round and anew after it."""
    loop = round_.context.config.loop
    before = _read_rates(round_)
    after = _read_rates(round_.following, round_.following.context.policy.revision)
    shared = sorted(before.keys() & after.keys())
    return count_moves(
        np.array([before[id_] for id_ in shared]), np.array([after[id_] for id_ in shared]), loop.low, loop.high
    )


def _read_rates(round_: Round, policy: str = "") -> dict[str, float]:
    """Return a round's scores by problem; with a policy, only those that were measured for it."""
    rows = current_scores(round_.context, round_.results.rows_of("score"))
    measured_rows = (row for row in rows if row["value"] is not None and (row["low"], row["high"]) != (0.0, 1.0))
    return {row["problem_id"]: row["value"] for row in measured_rows if policy in ("", row["policy"])}


def _count_spent(round_: Round) -> dict[str, dict[str, int]]:
    """Count the rollouts and tokens of a round: attempts at the pool, training, and held-out problems.

    Attempts at the pool are those of every refresh, and in the first round those of its scoring too.
    """
    lake, own = round_.context.lake, round_.context.policy.revision
    ahead = round_.following.context.policy.revision
    key = round_.results.rows_of("train")
    train_ids, held_out_ids = (side_ids(round_.context, round_.results, name) for name in ("train", "held_out"))
    policies = [own, ahead] if round_.before is None else [ahead]
    return {
        "sampling": lake.rows(SAMPLED, [policies, train_ids])[0],
        "training": lake.rows(TRAINED, [key, key])[0],
        "held_out": lake.rows(HELD_OUT, [held_out_ids, policies, key])[0],
    }


def _announce(round_: Round, text: str) -> None:
    round_.context.reporter.say(f"round {round_.number} of {round_.context.config.loop.rounds} {text}")


def _finite_or_none(ends: tuple[float, float, float] | None) -> list[float | None] | None:
    return None if ends is None else [None if math.isnan(end) else end for end in ends]
