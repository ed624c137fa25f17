"""`curate passes`: pass@k, pass^k and majority@k."""

from typing import Annotated, Any

import typer

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

Ks = Annotated[
    list[int] | None, typer.Option("--k", min=1, help="Attempts in a group; may be repeated. 1 and n without it.")
]


def passes(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, k: Ks = None) -> None:
    """Show pass@k, pass^k and majority@k of the train side, unbiased, from a fixed design's stored attempts."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(
        config, "curate passes", lambda context: _passes(context, as_json, k or []), reporter, upto="split"
    )


def _passes(context: Any, as_json: bool, ks: list[int]) -> int:
    from assay.pipelines.analysis.pass_at_k import passes as estimate_passes

    estimates = estimate_passes(context, ks or sorted({1, int(context.config.score.settings.get("n", 8))}))
    if as_json:
        print_json(estimates)
        return DONE
    short = f", {estimates['too_few']} more have fewer" if estimates["too_few"] else ""
    rows = [(name, "-" if value is None else round(value, 4)) for name, value in estimates["means"].items()]
    open_console().print(
        build_table(
            f"{estimates['problems']} problems with {estimates['n']} attempts{short}", ("mean of", "share"), rows
        )
    )
    return DONE
