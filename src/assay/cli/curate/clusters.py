"""`curate clusters`: what the clusters of a pool are about."""

from typing import Any

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, ConfigPath, LakeDir, Sets, emit, exits, load, with_context
from assay.cli.tables import table


def clusters(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Print each cluster with its size, mean share solved, keywords and typical problems; the earlier stages must be done."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
    with_context(made, "curate clusters", lambda context: _show(context, as_json), voice, upto="embed")


def _show(context: Any, as_json: bool) -> int:
    from assay.pipelines.analysis.clusters import describe_clusters
    from assay.pipelines.runner.stages import run_stages

    found = describe_clusters(context, run_stages(context, "embed", only=True))
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
    page().print(
        table("clusters, the largest first", ("cluster", "size", "mean solved", "keywords", "typical problems"), rows)
    )
    return DONE
