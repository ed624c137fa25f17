"""`curate clusters`: what the clusters of a pool are about."""

from typing import Any

from assay.cli.narrator import Voice, page
from assay.cli.runner import DONE, AsJson, LakeDir, PlanPath, Sets, emit, exits, load, with_job
from assay.cli.tables import table


def clusters(plan: PlanPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Print each cluster with its size, mean share solved, keywords and typical problems; the earlier stages must be done."""
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
    with_job(made, "curate clusters", lambda job: _show(job, as_json), voice, upto="embed")


def _show(job: Any, as_json: bool) -> int:
    from assay.pipelines.clusters import told
    from assay.pipelines.walk import walk

    walk(job, "embed", only=True)
    found = told(job)
    if as_json:
        emit(found)
        return DONE
    rows = [
        (
            each["cluster"],
            each["size"],
            "-" if each["mean"] is None else f"{each['mean']:.2f}",
            " ".join(each["keywords"]),
            " | ".join(each["typical"]),
        )
        for each in found
    ]
    page().print(table("clusters, the largest first", ("cluster", "size", "mean solved", "keywords", "typical problems"), rows))
    return DONE
