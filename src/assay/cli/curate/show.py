"""`curate show`: the whole story of one problem."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AnyLake, AsJson, load_config, print_json, report_errors
from assay.cli.tables import build_table

ProblemId = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM_ID",
        help="The problem's id or its beginning; FILE or FILE:LINE for rows that never became a problem.",
        show_default=False,
    ),
]
ConfigOfLake = Annotated[
    Path | None,
    typer.Argument(metavar="CONFIG", help="The config whose lake is read, in place of --lake.", show_default=False),
]
CELL = 60  # characters shown of a text
CAPTIONS = {  # what the tables count
    "pass_rates": "from the stored verdicts, over all attempts of a policy; truncated attempts are left out",
    "scores": "what `select` reads: from the attempts that the scoring stage counted, by policy.truncated",
}


def show(problem: ProblemId, path: ConfigOfLake = None, lake: AnyLake = ".assay/lake", as_json: AsJson = False) -> None:
    """Show everything the lake holds on one problem: why it was kept or dropped, then labels, attempts with verdicts,
    scores, cluster, its place in the curriculum, and its training rollouts. `--json` also names each row's run.

    Examples: `curate show 3f2a CONFIG`; `curate show rows.jsonl:17 CONFIG` for a row that was dropped while reading.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.pipelines.analysis.show import collect_problem as collect_story
        from assay.pipelines.analysis.show import explain_fate, find_dropped_rows
        from assay.stores.lake import Lake

        if path is not None:
            lake = load_config(path, "", []).lake
        with Lake(lake, create=False) as opened:
            if dropped := find_dropped_rows(opened, problem):
                _print_dropped(dropped, as_json)
                return
            story = collect_story(opened, problem)
    if as_json:
        print_json(story)
        return
    console, row = open_console(), story["problem"][0]
    console.print(f"{row['id']}  source {row['source']}", markup=False)
    for turn in row["messages"]:
        console.print(f"{turn['role']}: {turn['content']}", markup=False, soft_wrap=True)
    for answer in dict.fromkeys(label["answer"] for label in story["labels"]):
        console.print(f"gold answer: {_shorten(answer)}", markup=False, soft_wrap=True)
    for line in explain_fate(story):
        console.print(f"-> {line}", markup=False, soft_wrap=True)
    for chapter, rows in story.items():
        if chapter == "problem" or not rows:
            continue
        title = f"\n{chapter}" + (f" ({CAPTIONS[chapter]})" if chapter in CAPTIONS else "")
        names = [name for name in rows[0] if name != "run"]
        cells = [tuple(_shorten(row[name]) for name in names) for row in rows]
        console.print(build_table(title, names, cells), markup=False)
    if empty := [chapter for chapter, rows in story.items() if not rows]:
        console.print(f"\nnothing in: {', '.join(empty)}", markup=False)


def _print_dropped(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows of a file that were dropped before they had an id."""
    if as_json:
        print_json({"drops": rows})
        return
    names = ("file", "line", "stage", "reason", "detail")
    cells = [tuple(_shorten(row[name]) for name in names) for row in rows]
    open_console().print(build_table("dropped rows, which never became a problem", names, cells), markup=False)


def _shorten(value: Any) -> Any:
    short = " ".join(value.split()) if isinstance(value, str) else value
    return short if not isinstance(short, str) or len(short) <= CELL else short[: CELL - 3] + "..."
