"""`curate run`: all stages, ingest to arrange, and a report of what came out."""

import shlex
from collections.abc import Callable
from typing import Annotated, Any

import typer

from assay.cli.curate import summary
from assay.cli.narrator import Voice
from assay.cli.runner import (
    DONE,
    NOTHING,
    PARTLY,
    AsJson,
    Flow,
    LakeDir,
    PlanPath,
    RetryRefused,
    Sets,
    Stop,
    emit,
    exits,
    flowing,
    load,
    retrying,
    with_job,
)
from assay.core.errors import PlanError
from assay.core.plan import Plan

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the work that is left, and do none of it.")]
Pilot = Annotated[
    int,
    typer.Option("--pilot", min=0, metavar="N", help="With --dry-run: attempt N problems first, for an 80% interval of tokens and time."),
]


def run(
    plan: PlanPath,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    dry_run: DryRun = False,
    pilot: Pilot = 0,
    flow: Flow = False,
    retry_refused: RetryRefused = False,
) -> None:
    """Ingest, clean, split, score, embed, select and arrange, doing only what the lake does not hold."""
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
        if pilot and not dry_run:
            raise PlanError(f"--pilot {pilot} goes with --dry-run: a run attempts all problems")
        if dry_run and not pilot:
            _dry(made, voice, as_json)
            return
        walk = flowing("curate", made, plan, lake, sets, voice) if (flow or made.flow.enabled) and not dry_run else None
    if dry_run:
        with_job(made, "curate run --dry-run", lambda job: _pilot(job, pilot, voice, as_json), voice, upto="arrange")
        return
    with_job(
        made,
        "curate run",
        lambda job: _walk(retrying(job, retry_refused), walk, as_json, voice, _as_given(str(plan), lake, sets)),
        voice,
        upto="arrange",
    )


def _dry(plan: Plan, voice: Voice, as_json: bool) -> None:
    """Nothing is written, not even that somebody looked."""
    from assay.pipelines.job import Job
    from assay.stores.lake import Lake

    with Stop().listening() as stop, Lake(plan.lake) as lake, Job(plan, lake, voice, command="curate run --dry-run", stop=stop) as job:
        summary.forecast(job, 0, voice, as_json)


def _pilot(job: Any, pilot: int, voice: Voice, as_json: bool) -> int:
    summary.forecast(job, pilot, voice, as_json)
    return DONE


def _as_given(plan: str, lake: str, sets: list[str]) -> str:
    """The plan and what the command line said about it, for the next command."""
    return shlex.join([plan, *(("--lake", lake) if lake else ()), *(word for each in sets for word in ("--set", each))])


def _walk(job: Any, flow: Callable[[Any], Any] | None, as_json: bool, voice: Voice, plan: str) -> int:
    from assay.pipelines.nothing import shortfall
    from assay.pipelines.walk import walk

    outcomes = (flow or walk)(job)
    partly = any(outcome.partly for outcome in outcomes)
    lacks = shortfall(job, outcomes)
    if as_json:
        emit(summary.machine(job, outcomes) | ({"lacks": lacks.sentence} if lacks else {}))
    else:
        summary.human(job, outcomes, plan)
    if lacks:
        voice.warn(lacks.sentence)
    return PARTLY if partly else NOTHING if lacks else DONE
