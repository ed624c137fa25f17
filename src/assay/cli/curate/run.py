"""`curate run`: all stages, ingest to arrange, and a report of what came out."""

import shlex
from collections.abc import Callable
from typing import Annotated, Any

import typer

from assay.cli.curate import summary
from assay.cli.narrator import Voice
from assay.cli.runner import DONE, PARTLY, AsJson, LakeDir, PlanPath, Sets, emit, exits, load, with_job
from assay.core.plan import Plan

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the work that is left, and do none of it.")]
Pilot = Annotated[
    int,
    typer.Option("--pilot", min=0, metavar="N", help="With --dry-run: attempt N problems first, for an 80% interval of tokens and time."),
]
Flow = Annotated[bool, typer.Option("--flow", help="Run the stages as a Prefect flow.")]


def run(
    plan: PlanPath,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    dry_run: DryRun = False,
    pilot: Pilot = 0,
    flow: Flow = False,
) -> None:
    """Ingest, clean, split, score, embed, select and arrange, doing only what the lake does not hold."""
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
        if dry_run:
            summary.forecast(made, pilot, voice, as_json)
            return
        walk = _walking(made, str(plan), lake, sets, voice) if flow or made.flow.enabled else None
    with_job(made, "curate run", lambda job: _walk(job, walk, as_json, voice, _as_given(str(plan), lake, sets)), voice, upto="arrange")


def _as_given(plan: str, lake: str, sets: list[str]) -> str:
    """The plan and what the command line said about it, for the next command."""
    return shlex.join([plan, *(("--lake", lake) if lake else ()), *(word for each in sets for word in ("--set", each))])


def _walking(made: Plan, plan: str, lake: str, sets: list[str], voice: Voice) -> Callable[[Any], Any] | None:
    """The walk as a flow; None where the plan goes on without a server that does not answer."""
    from assay.flows import runners, server
    from assay.flows.curate import walk_as_flow
    from assay.flows.work import Call

    runners.check(made.flow)
    if not server.answers(made.flow, voice):
        return None
    return lambda job: walk_as_flow(job, Call(plan, lake or None, tuple(sets)))


def _walk(job: Any, walking: Callable[[Any], Any] | None, as_json: bool, voice: Voice, plan: str) -> int:
    from assay.pipelines.walk import walk

    outcomes = (walking or walk)(job)
    partly = any(outcome.partly for outcome in outcomes)
    if as_json:
        emit(summary.machine(job, outcomes))
    else:
        summary.human(job, outcomes, plan)
    return PARTLY if partly else DONE
