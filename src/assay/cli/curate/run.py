"""`curate run`: all stages in their order, and a summary of the results."""

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

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
    find_flow,
    load_config,
    print_json,
    report_errors,
    run_with_context,
    set_retry_refused,
)
from assay.core.errors import ConfigError

if TYPE_CHECKING:
    from assay.core.config import Config

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what is left to do, without doing it.")]
Pilot = Annotated[
    int,
    typer.Option(
        "--pilot",
        min=0,
        metavar="N",
        help="With --dry-run: attempt N problems first, to estimate tokens and time with an 80% interval.",
    ),
]


def run(
    path: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    dry_run: DryRun = False,
    pilot: Pilot = 0,
    flow: Flow = False,
    retry_refused: RetryRefused = False,
) -> None:
    """Do all stages, as far as the lake does not hold them; its help names them (`cli.apps`)."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        if pilot and not dry_run:
            raise ConfigError(f"--pilot {pilot} needs --dry-run: a run itself attempts all problems")
        if dry_run and not pilot:
            _estimate(config, reporter, as_json)
            return
        run_flow = (
            find_flow("curate", config, path, lake, sets, reporter)
            if (flow or config.flow.enabled) and not dry_run
            else None
        )
    if dry_run:
        run_with_context(
            config,
            "curate run --dry-run",
            lambda context: _estimate_with_pilot(context, pilot, reporter, as_json),
            reporter,
            upto="",
        )
        return
    run_with_context(
        config,
        "curate run",
        lambda context: _run_stages(
            set_retry_refused(context, retry_refused),
            run_flow,
            as_json,
            reporter,
            _repeat_arguments(str(path), lake, sets),
        ),
        reporter,
        upto="",
    )


def _estimate(config: "Config", reporter: ConsoleReporter, as_json: bool) -> None:
    """Print the estimate without writing anything, not even a row about this run."""
    from assay.pipelines.context.run import RunContext
    from assay.stores.lake import Lake

    with (
        StopSignal().listening() as stop,
        Lake(config.lake) as lake,
        RunContext(config, lake, reporter, command="curate run --dry-run", stop=stop) as context,
    ):
        summary.print_estimate(context, 0, reporter, as_json)


def _estimate_with_pilot(context: Any, pilot: int, reporter: ConsoleReporter, as_json: bool) -> int:
    summary.print_estimate(context, pilot, reporter, as_json)
    return DONE


def _repeat_arguments(config: str, lake: str, sets: list[str]) -> str:
    """Return the config's path and the command line's overrides, for the next command."""
    return shlex.join(
        [config, *(("--lake", lake) if lake else ()), *(word for override in sets for word in ("--set", override))]
    )


def _run_stages(
    context: Any, flow: Callable[[Any], Any] | None, as_json: bool, reporter: ConsoleReporter, config: str
) -> int:
    from assay.pipelines.analysis.empty_result import describe_shortfall
    from assay.pipelines.runner.stages import run_stages

    outcomes = (flow or run_stages)(context)
    partly = any(outcome.partly for outcome in outcomes)
    lacks = describe_shortfall(context, outcomes)
    if as_json:
        print_json(summary.summarise(context, outcomes) | ({"lacks": lacks.sentence} if lacks else {}))
    else:
        summary.print_summary(context, outcomes, config)
    if lacks:
        reporter.warn(lacks.sentence)
    return PARTLY if partly else NOTHING if lacks else DONE
