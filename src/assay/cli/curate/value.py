"""`curate analyze value`: whether choosing problems would pay on this pool, and by which way."""

from typing import Annotated, Any

import typer
from rich.console import Console

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors
from assay.cli.tables import build_table

Worlds = Annotated[int, typer.Option("--worlds", min=4, help="Number of simulated pools.")]
Drift = Annotated[
    float,
    typer.Option("--drift", help="Logits that every pass rate gains over the run; 0 = the policy does not improve."),
]
HEAD = (
    "way",
    "trainings that share its cost",
    "tokens per mixed group, first tenth",
    "whole run",
    "times cheaper than uniform",
    "expected to cost more than the cheapest",
)


def value(
    path: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    worlds: Worlds = 24,
    drift: Drift = 0.0,
) -> None:
    """Forecast from stored attempts whether choosing problems will pay: the cost of a mixed group under each method,
    with 80% intervals, and the method that is expected to lose least against the cheapest. Generates and writes
    nothing.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.choosing_value import estimate_value
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with Lake(config.lake) as opened, RunContext(config, opened, reporter) as context:
            estimate = estimate_value(context, worlds=worlds, drift=drift)
        if as_json:
            print_json(estimate)
            return
        _print_estimate(open_console(), estimate)


def _print_estimate(console: Console, estimate: dict[str, Any]) -> None:
    title = (
        f"{estimate['steps']} steps of {estimate['groups']} groups of {estimate['group_size']} over "
        f"{estimate['problems']} "
        f"problems, of which {estimate['attempted']} were attempted"
    )
    rows = [
        (
            row["way"],
            row["uses"],
            _span(row["first_tenth"], ",.0f"),
            _span(row["whole"], ",.0f"),
            _span(row["gain"], ".2f"),
            f"{estimate['regrets'][row['way']]:.0%}" if row["uses"] == 1 else "",
        )
        for row in estimate["rows"]
    ]
    console.print(build_table(title, HEAD, rows))
    from assay.pipelines.analysis.choosing_value import describe_value

    console.print(f"\n{describe_value(estimate)}", soft_wrap=True)
    console.print(
        "median [80%]. A group is mixed "
        "if it holds both right and wrong answers. Repeated visits are not modelled, so a small pool that is "
        "walked many times teaches less than this says.",
        soft_wrap=True,
    )


def _span(interval: tuple[float, float, float], form: str) -> str:
    low, middle, high = (f"{end:{form}}" for end in interval)
    return f"{middle} [{low}, {high}]"
