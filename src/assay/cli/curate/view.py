"""`curate view`: a local page over a lake."""

import tempfile
import webbrowser
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import LakeDir, Sets, load_config, report_errors

Shown = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG|LAKE", help="A config (a TOML file), or a lake's folder or s3:// address.", show_default=False
    ),
]
Live = Annotated[bool, typer.Option("--live", help="Follow a running job: the page updates as it commits.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0 = any free port.")]
Open = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser of this machine.")]
MarksFile = Annotated[
    Path | None,
    typer.Option(
        "--marks",
        metavar="CSV",
        help="File for an audit's marks; default: audits/NAME.csv in the lake's folder.",
        show_default=False,
    ),
]


def view(
    shown: Shown,
    live: Live = False,
    port: Port = 0,
    open_page: Open = False,
    marks: MarksFile = None,
    lake: LakeDir = "",
    sets: Sets = [],
) -> None:
    """Browse a lake: the pool, every problem with its attempts, difficulty, clusters, selections, curriculum, training,
    cost, and an audit by keyboard. Read-only, local, runs until interrupted.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.viewer.server import Viewer

        config = load_config(Path(shown), lake, sets) if shown.endswith(".toml") else None
        place = config.lake if config is not None else shown
        viewer = Viewer(place, reporter, config=config, port=port, live=live, marks=marks)
        reporter.say(f"{viewer.state.place} at {viewer.url}")
        reporter.say("open this address in a browser of this machine; press Ctrl-C to stop")
        with tempfile.TemporaryDirectory(prefix="assay-view-") as folder, suppress(KeyboardInterrupt):
            if open_page:
                webbrowser.open(_doorway(Path(folder), viewer.url).as_uri())
            viewer.serve()
        reporter.say("no longer served")


def _doorway(folder: Path, url: str) -> Path:
    """Write a page of the user's own that leads to the address: others could read a browser's arguments."""
    page = folder / "open.html"
    page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={escape(url)}">', encoding="utf-8")
    return page
