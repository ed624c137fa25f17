"""`curate run`: all stages in their order, and a report of what came out."""

import shlex
from collections.abc import Callable
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.curate import summary
from assay.cli.runner import (
    DONE,
    NOTHING,
    PARTLY,
    AsJson,
    ConfigPath,
    Flow,
    LakeDir,
    RetryRefused,
    Sets,
    StopSignal,
    emit,
    exits,
    flowing,
    load,
    retrying,
    with_context,
)
from assay.core.config import Config
from assay.core.errors import ConfigError

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the work that is left, and do none of it.")]
Pilot = Annotated[
    int,
    typer.Option(
        "--pilot",
        min=0,
        metavar="N",
        help="With --dry-run: attempt N problems first, for an 80% interval of tokens and time.",
    ),
]


def run(
    config: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    dry_run: DryRun = False,
    pilot: Pilot = 0,
    flow: Flow = False,
    retry_refused: RetryRefused = False,
) -> None:
    """Do all stages, as far as the lake does not hold them; its help names them (`cli.apps`)."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        if pilot and not dry_run:
            raise ConfigError(f"--pilot {pilot} goes with --dry-run: a run attempts all problems")
        if dry_run and not pilot:
            _dry(made, voice, as_json)
            return
        walk = (
            flowing("curate", made, config, lake, sets, voice) if (flow or made.flow.enabled) and not dry_run else None
        )
    if dry_run:
        with_context(
            made, "curate run --dry-run", lambda context: _pilot(context, pilot, voice, as_json), voice, upto=""
        )
        return
    with_context(
        made,
        "curate run",
        lambda context: _walk(
            retrying(context, retry_refused), walk, as_json, voice, _as_given(str(config), lake, sets)
        ),
        voice,
        upto="",
    )


def _dry(config: Config, voice: ConsoleReporter, as_json: bool) -> None:
    """Nothing is written, not even that somebody looked."""
    from assay.pipelines.context.run import RunContext
    from assay.stores.lake import Lake

    with (
        StopSignal().listening() as stop,
        Lake(config.lake) as lake,
        RunContext(config, lake, voice, command="curate run --dry-run", stop=stop) as context,
    ):
        summary.forecast(context, 0, voice, as_json)


def _pilot(context: Any, pilot: int, voice: ConsoleReporter, as_json: bool) -> int:
    summary.forecast(context, pilot, voice, as_json)
    return DONE


def _as_given(config: str, lake: str, sets: list[str]) -> str:
    """The plan and what the command line said about it, for the next command."""
    return shlex.join(
        [config, *(("--lake", lake) if lake else ()), *(word for each in sets for word in ("--set", each))]
    )


def _walk(context: Any, flow: Callable[[Any], Any] | None, as_json: bool, voice: ConsoleReporter, config: str) -> int:
    from assay.pipelines.analysis.empty_result import shortfall
    from assay.pipelines.runner.stages import run_stages

    outcomes = (flow or run_stages)(context)
    partly = any(outcome.partly for outcome in outcomes)
    lacks = shortfall(context, outcomes)
    if as_json:
        emit(summary.machine(context, outcomes) | ({"lacks": lacks.sentence} if lacks else {}))
    else:
        summary.human(context, outcomes, config)
    if lacks:
        voice.warn(lacks.sentence)
    return PARTLY if partly else NOTHING if lacks else DONE
