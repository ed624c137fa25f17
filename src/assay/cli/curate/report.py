"""`curate report`: one self-contained page about what a config left in its lake."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors

Out = Annotated[
    str,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The page to write; default: reports/NAME.html in the lake's folder.",
        show_default=False,
    ),
]


def report(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], out: Out = "", as_json: AsJson = False) -> None:
    """Write one HTML page about a config: warnings, 20 problems with their answers, difficulty, clusters, selections,
    curriculum, training, costs and the settings behind them. The page needs no server and loads nothing from elsewhere.
    Runs no stage.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake
        from assay.viewer.report import write_report

        with (
            Lake(config.lake, create=False) as opened,
            RunContext(config, opened, reporter, command="curate report") as context,
        ):
            place: Any = write_report(context, Path(out) if out else None)
    if as_json:
        print_json({"report": str(place)})
    else:
        reporter.say(f"report: {place}")
