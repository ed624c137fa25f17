"""`curate synthesize`: turn stored attempts into training sets, preferences, labels and new problems."""

from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import (
    DONE,
    PARTLY,
    AsJson,
    ConfigPath,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)

Method = Annotated[str, typer.Argument(help="A method in synthesis/, such as dart; default: those of the config.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be sampled, by level, and sample nothing.")]


def synthesize(
    path: ConfigPath,
    method: Method = "",
    lake: LakeDir = "",
    sets: Sets = [],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Turn stored attempts into training sets, preference pairs, labels and new problems. Scoring must be done first.

    Every row is verified again and records what it was made from. A second run reuses what the first one sampled.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)

    def body(context: Any) -> int:
        if dry_run:
            return _forecast(context, method, as_json, reporter)
        return _synthesize(context, method, as_json, reporter)

    run_with_context(config, "curate synthesize", body, reporter, upto="synthesize")


def _synthesize(context: Any, method: str, as_json: bool, reporter: ConsoleReporter) -> int:
    from assay.pipelines.runner.synthesis import run_synthesis

    results = run_synthesis(context, method)
    summaries = [
        {"rows": result.rows_out, "nothing_to_do": result.reused, "synthesis_id": result.key.rows, **result.detail}
        for result in results
    ]
    if as_json:
        print_json(summaries)
    else:
        for summary in summaries:
            state = "nothing to do" if summary.pop("nothing_to_do") else "done"
            reporter.say(f"{summary.pop('method')}: {state}, {', '.join(f'{k} {v}' for k, v in summary.items())}")
    return PARTLY if any(result.partly for result in results) else DONE


def _forecast(context: Any, method: str, as_json: bool, reporter: ConsoleReporter) -> int:
    from assay.pipelines.runner.synthesis import forecast_synthesis

    forecasts = forecast_synthesis(context, method)
    if as_json:
        print_json({name: {**forecast.counts, "lines": list(forecast.lines)} for name, forecast in forecasts.items()})
    for name, forecast in {} if as_json else forecasts.items():
        for line in forecast.lines or ("draws nothing",):
            reporter.say(f"{name}: {line}")
    return DONE
