"""`curate export`: the curriculum for another trainer."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors

To = Annotated[str, typer.Option("--to", metavar="NAME", help="trl, verl, open_instruct, verifiers, jsonl or hub.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.")]
Filtered = Annotated[
    bool, typer.Option("--filtered", help="Write the rows that the selection left out as well, in a file of their own.")
]


def export(
    path: ConfigPath,
    to: To = "jsonl",
    out: Out = Path("export"),
    filtered: Filtered = False,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Write the curriculum in its order, in the form that another trainer reads, and say how it is read."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.export import export as write
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with (
            Lake(config.lake, create=False) as opened,
            RunContext(config, opened, reporter, command="curate export") as context,
        ):
            result = write(context, to, out.resolve(), filtered=filtered)
        if as_json:
            print_json(result)
            return
        reporter.say(
            f"{result['folder']}: {result['rows']} rows for {to}, {result['filtered']} filtered rows; it is read "
            f"so:\n{result['snippet']}"
        )
