"""`curate analyze clusters`: what the clusters of a pool are about."""

from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    AsJson,
    ConfigPath,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table


def clusters(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Print each cluster: its size, mean share solved, keywords and typical problems. Earlier stages must be done."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(
        config, "curate analyze clusters", lambda context: _print_clusters(context, as_json), reporter, upto="embed"
    )


def _print_clusters(context: Any, as_json: bool) -> int:
    from assay.pipelines.analysis.clusters import describe_clusters
    from assay.pipelines.runner.stages import run_stages

    summaries = describe_clusters(context, run_stages(context, "embed", only=True))
    if as_json:
        print_json(summaries)
        return DONE
    rows = [
        (
            cluster["cluster"],
            cluster["size"],
            "-" if cluster["mean"] is None else f"{cluster['mean']:.2f}",
            " ".join(cluster["keywords"]),
            " | ".join(cluster["typical"]),
        )
        for cluster in summaries
    ]
    open_console().print(
        build_table(
            "clusters, the largest first", ("cluster", "size", "mean solved", "keywords", "typical problems"), rows
        )
    )
    return DONE
