"""`curate show`: the whole story of one problem."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AnyLake, AsJson, load_config, print_json, report_errors
from assay.cli.tables import build_table

ProblemId = Annotated[
    str, typer.Argument(metavar="PROBLEM_ID", help="The problem's id, or its beginning.", show_default=False)
]
ConfigOfLake = Annotated[
    Path | None,
    typer.Argument(metavar="CONFIG", help="The config whose lake is read, in place of --lake.", show_default=False),
]
CELL = 60  # characters shown of a text


def show(problem: ProblemId, path: ConfigOfLake = None, lake: AnyLake = ".assay/lake", as_json: AsJson = False) -> None:
    """Show everything the lake holds on one problem: origin, labels, attempts with verdicts, scores, cluster, why it
    was kept or dropped, its place in the curriculum, and its training rollouts.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.pipelines.analysis.show import collect_problem as collect_story
        from assay.stores.lake import Lake

        if path is not None:
            lake = load_config(path, "", []).lake
        with Lake(lake, create=False) as opened:
            story = collect_story(opened, problem)
    if as_json:
        print_json(story)
        return
    console, row = open_console(), story["problem"][0]
    console.print(f"{row['id']}  source {row['source']}  run {row['run']}", markup=False)
    for turn in row["messages"]:
        console.print(f"{turn['role']}: {turn['content']}", markup=False, soft_wrap=True)
    for chapter, rows in story.items():
        if chapter != "problem":
            title = f"\n{chapter}" if rows else f"\n{chapter}: none"
            console.print(
                build_table(title, tuple(rows[0]), [tuple(map(_shorten, row.values())) for row in rows])
                if rows
                else title,
                markup=False,
            )


def _shorten(value: Any) -> Any:
    short = " ".join(value.split()) if isinstance(value, str) else value
    return short if not isinstance(short, str) or len(short) <= CELL else short[: CELL - 3] + "..."
