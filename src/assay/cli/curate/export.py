"""`curate export`: the curriculum for another trainer."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, emit, exits, load

To = Annotated[str, typer.Option("--to", metavar="NAME", help="trl, verl, open_instruct, verifiers, jsonl or hub.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.")]
Filtered = Annotated[
    bool, typer.Option("--filtered", help="Write the rows that the selection left out as well, in a file of their own.")
]


def export(
    config: ConfigPath,
    to: To = "jsonl",
    out: Out = Path("export"),
    filtered: Filtered = False,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Write the curriculum in its order, in the form that another trainer reads, and say how it is read."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        from assay.pipelines.analysis.export import export as write
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with (
            Lake(made.lake, create=False) as opened,
            RunContext(made, opened, voice, command="curate export") as context,
        ):
            told = write(context, to, out.resolve(), filtered=filtered)
        if as_json:
            emit(told)
            return
        voice.say(
            f"{told['folder']}: {told['rows']} rows for {to}, {told['filtered']} filtered rows; it is read so:\n{told['snippet']}"
        )
