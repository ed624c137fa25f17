"""`curate report`: one self-contained page of what a plan left in its lake."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.narrator import Voice
from assay.cli.runner import AsJson, LakeDir, PlanPath, Sets, emit, exits, load

Out = Annotated[
    str, typer.Option("--out", metavar="FILE", help="Where the page goes; else reports/NAME.html in the lake's folder.", show_default=False)
]


def report(plan: PlanPath, lake: LakeDir = "", sets: Sets = [], out: Out = "", as_json: AsJson = False) -> None:
    """Write one HTML page of the plan: stages, drops, difficulty, clusters, curriculum, costs, training, versions, lineage; it does no stage."""
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
        from assay.pipelines.job import Job
        from assay.pipelines.report import write
        from assay.stores.lake import Lake

        with Lake(made.lake, create=False) as opened, Job(made, opened, voice, command="curate report") as job:
            place: Any = write(job, Path(out) if out else None)
    if as_json:
        emit({"report": str(place)})
    else:
        voice.say(f"report: {place}")
