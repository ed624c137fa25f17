"""Walks the stages in their order; what the ledger knows is not done again."""

from collections.abc import Callable, Sequence
from types import ModuleType

from assay.core.errors import PlanError
from assay.pipelines import arrange, clean, embed, ingest, regrade, score, select, served, split
from assay.pipelines.job import Job, Outcome, Work

STAGES: dict[str, ModuleType] = {
    "ingest": ingest,
    "clean": clean,
    "split": split,
    "score": score,
    "embed": embed,
    "select": select,
    "arrange": arrange,
}

PAYING = ("score", "train")


def walk(job: Job, upto: str = "arrange", *, only: bool = False) -> list[Outcome]:
    """Does every stage up to and with `upto`; with `only`, earlier ones must be in the ledger already.

    Raises:
        PlanError: with `only`, an earlier stage is not done.
        Stopped: the run was asked to stop.
    """
    outcomes = []
    for name in _until(upto):
        regrade_first(job, name, only=only and name != upto)
        work, done = look(job, name)
        if done is None and only and name != upto:
            raise PlanError(f"{upto} needs {name}, which is not done: `curate {name} PLAN` first, or `curate run PLAN`")
        outcome = done or do(job, work)
        job.keys[name] = outcome.key
        outcomes.append(outcome)
    return outcomes


def look(job: Job, stage: str) -> tuple[Work, Outcome | None]:
    """One stage before it starts, and its outcome if the ledger holds it."""
    job.heed()
    with job.cuttable():
        work: Work = STAGES[stage].work(job)
    if stage == "ingest":  # one ledger row a source
        return work, None if work.left["sources"] else work.do()
    return work, None if stage == "score" and score.again(job) else job.finished(stage, work.key)


def step(job: Job, stage: str) -> Outcome:
    """One stage whose earlier ones are done; its key is the job's from now on.

    Raises:
        PlanError: an earlier one is not done.
        Stopped: the run was asked to stop.
    """
    regrade_first(job, stage)
    work, done = look(job, stage)
    outcome = done or do(job, work)
    job.keys[stage] = outcome.key
    return outcome


def regrade_first(job: Job, stage: str, *, only: bool = False) -> None:
    """Before scores are counted anew, judges again what an earlier version of a verifier has judged."""
    if stage == "score" and not only and job.finished("score", score.keyed(job)[0]) is None:
        regrade.risen(job)


def survey(job: Job, tell: Callable[[Work, Outcome | None], None], upto: str = "arrange") -> Work | None:
    """Tells of each stage without doing any; returns the first that is not done, beyond which nothing can be known."""
    for name in _until(upto):
        work, done = look(job, name)
        tell(work, done)
        if done is None:
            return work
        job.keys[name] = done.key
    return None


def preflight(job: Job, upto: str) -> None:
    """Finds what can be wrong with files, model and settings before anything is written.

    Raises:
        PlanError: a missing file, an unknown part or key, a model that is not there or that is no longer the one it was, no place for a checkpoint.
    """
    if upto == "train":
        from assay.pipelines.train import output_folder

        output_folder(job, "KEY")
    with job.cuttable():
        _preflight(job, upto)


def _preflight(job: Job, upto: str) -> None:
    ingest.work(job)
    if upto != "ingest":
        clean.preflight(job)
    if upto not in ("ingest", "clean", "split"):
        _ = job.engine.policy
        served.same_as_stored(job)
    if upto not in ("ingest", "clean", "split", "score"):
        embed.preflight(job)


def do(job: Job, work: Work) -> Outcome:
    """Does a stage, and says so before. A stop may cut into any but those that pay for answers, which stop where nothing is lost."""
    job.heed()
    job.narrator.say(f"{work.stage}: {', '.join(f'{count} {unit}' for unit, count in work.left.items())}")
    if work.stage in PAYING:
        return work.do()
    with job.cuttable():
        return work.do()


def _until(upto: str) -> Sequence[str]:
    names = list(STAGES)
    return names[: names.index(upto) + 1]


def train(job: Job, *, resume: bool = False) -> Outcome:
    """Stage 8, on a curriculum that the lake already holds; a killed training goes on. With `resume`, only if there is one to go on with.

    Raises:
        PlanError: the curriculum is not there, or nothing to resume.
    """
    from assay.pipelines import train as stage

    walk(job, "arrange", only=True)
    if job.finished("arrange", job.keys["arrange"]) is None:
        raise PlanError("train needs arrange, which is not done: `curate run PLAN` first")
    work = stage.work(job)
    done = job.finished("train", work.key)
    if resume and done is None and not stage.unfinished(job, work.key):
        raise PlanError("nothing to resume: this plan's training has kept no state yet; `train run PLAN` starts it")
    return done or do(job, work)
