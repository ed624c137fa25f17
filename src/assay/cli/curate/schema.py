"""`curate schema`: the JSON schema of configs, with which an editor completes and checks keys."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import report_errors

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write to this file instead of printing.", show_default=False),
]


def schema(out: Out = None) -> None:
    """Print the JSON schema of configs. Editors use it if the first line of a config is `#:schema FILE`."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        text = (files("assay") / "data" / "config.schema.json").read_text(encoding="utf-8")
        if out is None:
            typer.echo(text, nl=False)
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        reporter.say(f"{out}: written; `#:schema {out}` in the first line of a config names it")
