"""`curate estimate`: the work that a run would do, before it starts."""

from typing import Annotated

import typer

from assay.cli.curate.run import run
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets

Pilot = Annotated[
    int,
    typer.Option(
        "--pilot", min=0, metavar="N", help="Attempt N problems first, for an 80% interval of tokens and time."
    ),
]


def estimate(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, pilot: Pilot = 0) -> None:
    """Estimate what a run still has to do in each stage: problems, attempts and tokens. A pilot's attempts are kept,
    and the run reuses them.
    """
    run(path, lake, sets, as_json, dry_run=True, pilot=pilot)
