"""`curate analyze policies`: what one policy gained on another, from stored attempts."""

from typing import Annotated, Any

import typer
from rich.console import Console

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    AsJson,
    ConfigPath,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table

Before = Annotated[str, typer.Argument(metavar="A", help="Name or revision of a policy with stored attempts.")]
After = Annotated[
    str, typer.Argument(metavar="B", help="The other policy; by default the config's.", show_default=False)
]


def policies(
    path: ConfigPath, before: Before, after: After = "", lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False
) -> None:
    """Compare two policies on one pool: differences, frontiers, and the problems that moved. Writes nothing."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(
        config,
        "curate analyze policies",
        lambda context: _policies(context, before, after, as_json),
        reporter,
        upto="split",
    )


def _policies(context: Any, before: str, after: str, as_json: bool) -> int:
    from assay.pipelines.analysis.compare_policies import compare_policies

    comparison = compare_policies(context, before, after)
    if as_json:
        print_json(comparison)
        return DONE
    _print_comparison(open_console(), comparison)
    return DONE


def _print_comparison(console: Console, comparison: dict[str, Any]) -> None:
    mean, low, high = comparison["observed"]
    frontier, moves = comparison["frontier"], comparison["moves"]
    lines = [
        ("B - A, plain rates, 95% interval", f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"),
        ("B - A, shrunk", f"{comparison['difference']:+.3f}"),
        ("problems at which B is better, P >= .95", comparison["better"]),
        ("worse", comparison["worse"]),
        ("frontier of A, solved 10% to 90% of the time", frontier["before"]),
        ("frontier of B", frontier["after"]),
        ("overlap: shared / all of both", f"{frontier['overlap']:.2f}"),
        ("left A's frontier above, below", f"{moves['above']}, {moves['below']}"),
        ("entered it", moves["entered"]),
    ]
    beside = f"; {comparison['only_before']} more of A alone, {comparison['only_after']} of B"
    console.print(build_table(f"{comparison['problems']} problems attempted by both{beside}", ("", ""), lines))
    rows = [
        (
            row["problem_id"],
            "{}/{}".format(*_solved(row["counts"]["before"])),
            "{}/{}".format(*_solved(row["counts"]["after"])),
            f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]",
            f"{row['chance']:.3f}",
        )
        for row in comparison["moved"]
    ]
    if rows:
        console.print(build_table("\nwhat moved", ("problem", "A", "B", "B - A, 95% interval", "P(B > A)"), rows))


def _solved(counts: tuple[int, int]) -> tuple[int, int]:
    return counts[0], sum(counts)
