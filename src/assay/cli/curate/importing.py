"""`curate import`: rollouts and difficulty columns that other tools made."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import AnyLake, AsJson, print_json, report_errors

app = typer.Typer(
    help="Bring evidence from elsewhere: other tools' rollouts, other people's difficulty columns.",
    no_args_is_help=True,
)

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder of .jsonl and .parquet files, or one file.", show_default=False)
]
Tool = Annotated[str, typer.Option("--from", metavar="TOOL", help="verl, trl or jsonl.")]
PolicyName = Annotated[
    str, typer.Option("--policy", help="The policy's revision, for rows that do not say; the first of several.")
]
LastPolicy = Annotated[
    str,
    typer.Option(
        "--policy-last", help="The revision that finished, where weights changed meanwhile.", show_default=False
    ),
]
Right = Annotated[float, typer.Option("--right", help="The reward from which on an attempt is correct.")]
Column = Annotated[str, typer.Option("--column", help="The difficulty column.")]
Model = Annotated[str, typer.Option("--model", help="The model that it was measured on.")]
Direction = Annotated[
    str, typer.Option("--direction", help="easier or harder: what more of it means.", show_default=False)
]
Scale = Annotated[
    float,
    typer.Option("--scale", help="Divides the value, so that it lies in [0, 1]; 0 = as known for the column, else 1."),
]


@app.command("rollouts")
def rollouts(
    folder: Folder,
    tool: Tool = "jsonl",
    policy: PolicyName = "imported",
    policy_last: LastPolicy = "",
    right: Right = 1.0,
    lake: AnyLake = ".assay/lake",
    as_json: AsJson = False,
) -> None:
    """Bring in rollouts with their rewards, matched by assay_id or by prompt; what matches nothing is a drop with its
    reason.
    """

    def work(opened: Any, module: Any) -> Any:
        return module.import_rollouts(opened, tool, folder, policy=policy, policy_last=policy_last, right=right)

    _import_into_lake(lake, as_json, work)


@app.command("scores")
def scores(
    folder: Folder,
    column: Column,
    model: Model,
    direction: Direction = "",
    scale: Scale = 0.0,
    lake: AnyLake = ".assay/lake",
    as_json: AsJson = False,
) -> None:
    """Bring in a difficulty column as scores, under its model's name and with its direction."""
    _import_into_lake(
        lake,
        as_json,
        lambda opened, module: module.import_scores(
            opened, folder, column, model=model, direction=direction, scale=scale
        ),
    )


def _import_into_lake(lake: str, as_json: bool, work: Any) -> None:
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.pipelines.stages import import_rollouts as module
        from assay.stores.lake import Lake

        with Lake(lake, create=False) as opened:
            result = work(opened, module)
            opened.catalogue()
    counts = {"rows": result.rows, "added": result.added, "dropped": dict(result.dropped)}
    if as_json:
        print_json(counts)
    else:
        dropped = ", ".join(f"{count} {reason}" for reason, count in result.dropped.items())
        reporter.say(f"{result.rows} rows read, {result.added} added; dropped: {dropped or 'none'}")
