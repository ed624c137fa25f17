"""Walks the stages in their order; what the ledger knows is not done again."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from assay.core.errors import ConfigError
from assay.pipelines.context import remote_model
from assay.pipelines.context.results import StageResult
from assay.pipelines.context.run import RunContext, StagePlan
from assay.pipelines.stages import clean, embed, ingest, order, regrade, score, select, split

STAGES: dict[str, ModuleType] = {
    "ingest": ingest,
    "clean": clean,
    "split": split,
    "score": score,
    "embed": embed,
    "select": select,
    "arrange": order,
}

PAYING = ("score", "train")


def run_stages(context: RunContext, upto: str = "arrange", *, only: bool = False) -> list[StageResult]:
    """Does every stage up to and with `upto`; with `only`, earlier ones must be in the ledger already.

    Raises:
        ConfigError: with `only`, an earlier stage is not done.
        Stopped: the run was asked to stop.
    """
    outcomes = []
    for name in _until(upto):
        regrade_first(context, name, only=only and name != upto)
        work, done = plan_stage(context, name)
        if done is None and only and name != upto:
            raise ConfigError(
                f"{upto} needs {name}, which is not done: `curate {name} PLAN` first, or `curate run PLAN`"
            )
        outcome = done or run_planned(context, work)
        context.keys[name] = outcome.key
        outcomes.append(outcome)
    return outcomes


def plan_stage(context: RunContext, stage: str) -> tuple[StagePlan, StageResult | None]:
    """One stage before it starts, and its outcome if the ledger holds it."""
    context.heed()
    with context.cuttable():
        work: StagePlan = STAGES[stage].work(context)
    if stage == "ingest":  # one ledger row a source
        return work, None if work.remaining.sources else work.do()
    return work, None if stage == "score" and score.must_continue(context) else context.finished(stage, work.key)


def run_next_stage(context: RunContext, stage: str) -> StageResult:
    """One stage whose earlier ones are done; its key is the run's from now on.

    Raises:
        ConfigError: an earlier one is not done.
        Stopped: the run was asked to stop.
    """
    regrade_first(context, stage)
    work, done = plan_stage(context, stage)
    outcome = done or run_planned(context, work)
    context.keys[stage] = outcome.key
    return outcome


def regrade_first(context: RunContext, stage: str, *, only: bool = False) -> None:
    """Before scores are counted anew, judges again what an earlier version of a verifier has judged."""
    if stage == "score" and not only and context.finished("score", score.stage_key(context)[0]) is None:
        regrade.judge_outdated(context)


def survey(
    context: RunContext, tell: Callable[[StagePlan, StageResult | None], None], upto: str = "arrange"
) -> StagePlan | None:
    """Tells of each stage without doing any; returns the first that is not done, beyond which nothing can be known."""
    for name in _until(upto):
        work, done = plan_stage(context, name)
        tell(work, done)
        if done is None:
            return work
        context.keys[name] = done.key
    return None


def preflight(context: RunContext, upto: str) -> None:
    """Finds what can be wrong with files, model and settings before anything is written.

    Raises:
        ConfigError: a missing file, an unknown part or key, a model that is not there or that is no longer the one it was, no place for a checkpoint.
    """
    if upto == "train":
        from assay.pipelines.stages.train import output_folder

        output_folder(context, "KEY")
    with context.cuttable():
        _preflight(context, upto)


def _preflight(context: RunContext, upto: str) -> None:
    ingest.work(context)
    if upto != "ingest":
        clean.preflight(context)
    if upto not in ("ingest", "clean", "split"):
        _ = context.engine.policy
        remote_model.same_as_stored(context)
    if upto not in ("ingest", "clean", "split", "score"):
        embed.preflight(context)


def run_planned(context: RunContext, work: StagePlan) -> StageResult:
    """Does a stage, and says so before. A stop may cut into any but those that pay for answers, which stop where nothing is lost."""
    context.heed()
    context.reporter.say(
        f"{work.stage}: {', '.join(f'{count} {unit}' for unit, count in work.remaining.by_unit.items())}"
    )
    if work.stage in PAYING:
        return work.do()
    with context.cuttable():
        return work.do()


def _until(upto: str) -> Sequence[str]:
    names = list(STAGES)
    return names[: names.index(upto) + 1]


def run_regrade(context: RunContext) -> dict[str, Any]:
    """Read the sources again and judge every stored rollout that lacks a verdict of its present label and verifier version.

    Returns:
        As `stages.regrade.judge_unjudged`.
    """
    run_stages(context, "clean")
    return regrade.judge_unjudged(context)


def run_training(context: RunContext, *, resume: bool = False) -> StageResult:
    """Stage 8, on a curriculum that the lake already holds; a killed training goes on. With `resume`, only if there is one to go on with.

    Raises:
        ConfigError: the curriculum is not there, or nothing to resume.
    """
    from assay.pipelines.stages import train as stage

    run_stages(context, "arrange", only=True)
    if context.finished("arrange", context.keys["arrange"]) is None:
        raise ConfigError("train needs arrange, which is not done: `curate run PLAN` first")
    work = stage.work(context)
    done = context.finished("train", work.key)
    if resume and done is None and not stage.unfinished(context, work.key.rows):
        raise ConfigError("nothing to resume: this plan's training has kept no state yet; `train run PLAN` starts it")
    return done or run_planned(context, work)
