"""Run the stages in their order (`pipelines.stages.STAGES`); what the ledger knows is not done again.

`run_stages` does them up to one of them, `survey_stages` says what is done and what comes next without doing anything,
and `run_training` trains on what they have left.
"""

from dataclasses import dataclass
from typing import Any

from assay.core.errors import ConfigError
from assay.pipelines.context.empty_lake import explain_empty_lake
from assay.pipelines.context.results import StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.stages import KINDS, STAGES, extend, load_stage, pool_stages, regrade, stage_entries


@dataclass(frozen=True, slots=True)
class Survey:
    """Which stages of a config are done."""

    results: StageResults  # of the stages that are done
    following: Stage | None  # the first that is not, beyond which nothing can be known; None = all are


def run_stages(context: RunContext, upto: str = "", *, only: bool = False) -> StageResults:
    """Do every stage up to and with `upto`.

    Args:
        context: the run.
        upto: a stage's name; "" = the last.
        only: earlier stages must be in the ledger already.

    Returns:
        The results of all these stages.

    Raises:
        ConfigError: with `only`, an earlier stage is not done.
        Stopped: the run was asked to stop.
    """
    results, upto = StageResults(), upto or STAGES[-1].name
    for entry in stage_entries(upto):
        earlier = only and entry.name != upto
        stage, result = plan_stage(context, entry.name, results, prepare=not earlier)
        if result is None and earlier:
            raise ConfigError(
                f"{upto} needs {entry.name}, which is not done: run `curate {entry.name} CONFIG` first, or `curate "
                "run CONFIG`"
            )
        results = results.plus(result or run_planned(stage))
    return results


def plan_stage(
    context: RunContext, name: str, inputs: StageResults, *, prepare: bool = False
) -> tuple[Stage, StageResult | None]:
    """Make the object of a stage, and look up its result; None where the ledger does not hold it.

    Args:
        context: the run.
        name: of the stage.
        inputs: the results of the stages before it.
        prepare: first bring up to date what the stage reads, such as verdicts of a verifier that has a new version.
    """
    context.heed()
    kind = load_stage(name)
    stage = kind(context, inputs)
    if prepare and stage.prepare():
        stage = kind(context, inputs)
    with context.cuttable():
        result = stage.finished()
    return stage, result


def run_next_stage(context: RunContext, name: str, inputs: StageResults) -> StageResult:
    """Do one stage whose earlier ones are done.

    Raises:
        ConfigError: an earlier one is not done.
        Stopped: the run was asked to stop.
    """
    stage, result = plan_stage(context, name, inputs, prepare=True)
    return result or run_planned(stage)


def run_planned(stage: Stage) -> StageResult:
    """Report what a stage has to do, and do it.

    A stop may interrupt it at any point, unless it pays for answers of a policy: then it ends where none is lost.
    """
    context = stage.context
    context.heed()
    with context.cuttable():
        remaining = stage.remaining().by_unit
    context.reporter.say(f"{stage.name}: {', '.join(f'{count} {unit}' for unit, count in remaining.items())}")
    if stage.pays:
        return stage.run()
    with context.cuttable():
        return stage.run()


def restore_result(context: RunContext, name: str, key: StageKey) -> StageResult:
    """Return the result of a stage by its key; where the ledger has no line of it, a result with the key alone."""
    load_stage(name)  # which registers the stage's columns
    return context.finished(name, key) or StageResult(name, key, 0, 0, reused=True)


def survey_stages(context: RunContext, upto: str = "") -> Survey:
    """Look up the stages in their order without doing any, as far as they are done.

    Args:
        context: the run.
        upto: the last stage that is looked up; "" = the last of all.
    """
    results = StageResults()
    context.suppose_policy()
    for entry in stage_entries(upto):
        stage, result = plan_stage(context, entry.name, results)
        if result is None:
            return Survey(results, stage)
        results = results.plus(result)
    return Survey(results, None)


def done_stages(context: RunContext, upto: str, needed_by: str) -> StageResults:
    """Return the results of the stages up to and with `upto`, all of which must be done.

    Raises:
        ConfigError: one is not done.
    """
    state = survey_stages(context, upto)
    if state.following is not None:
        empty = explain_empty_lake(context.lake, context.config)
        raise ConfigError(
            f"{needed_by} needs {state.following.name}, which is not done: run `curate run CONFIG` first"
            f"{f' ({empty})' if empty else ''}"
        )
    return state.results


def preflight(context: RunContext, upto: str) -> None:
    """Find what can be wrong with files, model and settings before anything is written.

    Args:
        context: the run.
        upto: the last stage that will run; "" = the last of curation, "train" includes training.

    Raises:
        ConfigError: a missing file, an unknown part or key, a model that is not there or that is no longer the one it
            was, no place for a checkpoint.
    """
    with context.cuttable():
        for entry in stage_entries(upto):
            entry.load().preflight(context)


def run_regrade(context: RunContext) -> dict[str, Any]:
    """Read changed sources and judge every stored rollout without a verdict of its present label and verifier version.

    Returns:
        As `stages.regrade.judge_unjudged`.
    """
    return regrade.judge_unjudged(context, run_stages(context, "clean"))


def run_extension(context: RunContext, max_tokens: int) -> dict[str, Any]:
    """Continue the stored attempts that the config's cap cut, up to a longer one.

    Returns:
        As `stages.extend.extend`.

    Raises:
        ConfigError: the cap is not longer, or nothing is stored.
        Stopped: the run was asked to stop.
    """
    return extend.extend(context, run_stages(context, pool_stages()[-1]), max_tokens)


def run_training(context: RunContext, kind: str = "grpo", *, resume: bool = False) -> StageResult:
    """Train on a curriculum or on rows that the lake already holds; a killed training goes on.

    Args:
        context: the run.
        kind: grpo, sft, dpo or kto.
        resume: only go on with a training that has kept a state.

    Raises:
        ConfigError: the curriculum or the rows are not there, or nothing to resume.
    """
    from assay.pipelines.stages.train import Train, count_steps_done

    stage = plan_training(context, kind)
    result = stage.finished()
    shorter = isinstance(stage, Train) and stage.shorter_state() is not None
    if resume and result is None and not (shorter or count_steps_done(context, stage.key.rows)):
        command = "run" if kind == "grpo" else kind
        raise ConfigError(
            f"nothing to resume: this config's training has not saved a state yet; start it with `train {command} "
            "CONFIG`. A "
            "finished training can continue to more train.steps if train.keep_state = true kept its last state"
        )
    return result or run_planned(stage)


def plan_training(context: RunContext, kind: str = "grpo") -> Stage:
    """Make the object of a training on what the lake holds.

    Args:
        context: the run.
        kind: grpo needs the curriculum; sft, dpo and kto need scores, and what synthesis stored.

    Raises:
        ConfigError: what it needs is not there.
    """
    entry = KINDS[kind]
    if kind != "grpo":
        return entry.load()(context, done_stages(context, "score", f"train {entry.name}"))
    inputs = run_stages(context, only=True)
    if context.finished("order", inputs.of("order").key) is None:
        raise ConfigError("train needs order, which is not done: run `curate run CONFIG` first")
    return entry.load()(context, inputs)
