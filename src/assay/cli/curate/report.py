"""`curate report`: one self-contained page of what a plan left in its lake."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, emit, exits, load

Out = Annotated[
    str,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Where the page goes; else reports/NAME.html in the lake's folder.",
        show_default=False,
    ),
]


def report(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], out: Out = "", as_json: AsJson = False) -> None:
    """Write one HTML page of the plan: stages, drops, difficulty, clusters, curriculum, costs, training, versions, lineage; it does no stage."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        from assay.pipelines.analysis.report import write
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with (
            Lake(made.lake, create=False) as opened,
            RunContext(made, opened, voice, command="curate report") as context,
        ):
            place: Any = write(context, Path(out) if out else None)
    if as_json:
        emit({"report": str(place)})
    else:
        voice.say(f"report: {place}")
