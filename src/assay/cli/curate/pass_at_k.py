"""`curate analyze pass-at-k`: pass@k, pass^k and majority@k."""

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

Ks = Annotated[list[int] | None, typer.Option("--k", min=1, help="k of pass@k; may be repeated. Default: 1 and n.")]


def pass_at_k(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, k: Ks = None) -> None:
    """Estimate pass@k, pass^k and majority@k on the training problems: unbiased where every problem had the same number
    of attempts, otherwise from the posterior.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(
        config, "curate analyze pass-at-k", lambda context: _passes(context, as_json, k or []), reporter, upto="split"
    )


def _passes(context: Any, as_json: bool, ks: list[int]) -> int:
    from assay.pipelines.analysis.pass_at_k import estimate_pass_at_k as estimate_passes

    estimates = estimate_passes(context, ks or sorted({1, int(context.config.score.settings.get("n", 8))}))
    if as_json:
        print_json(estimates)
        return DONE
    open_console().print(_build_table(estimates))
    return DONE


def _build_table(estimates: dict[str, Any]) -> Any:
    if estimates["estimator"] == "posterior":
        short = f", {estimates['too_few']} more have no score" if estimates["too_few"] else ""
        title = f"{estimates['problems']} problems{short}; posterior estimates, since outcomes decided the attempts"
        spans = {name: f" [{low:.4f}, {high:.4f}]" for name, (low, high) in estimates["intervals"].items()}
        rows = [(name, f"{value:.4f}{spans[name]}") for name, value in estimates["means"].items()]
        return _add_corrected(title, "share, 95% interval", rows, estimates)
    short = f", {estimates['too_few']} more have fewer" if estimates["too_few"] else ""
    title = f"{estimates['problems']} problems with {estimates['n']} attempts{short}"
    shares = [(name, "-" if value is None else round(value, 4)) for name, value in estimates["means"].items()]
    return _add_corrected(title, "share", shares, estimates)


def _add_corrected(title: str, head: str, rows: list[tuple[str, Any]], estimates: dict[str, Any]) -> Any:
    """Build the table, with a column of what verifier errors leave of the shares where audits say."""
    corrected = estimates["corrected"]
    if not corrected:
        return build_table(title, ("mean of", head), rows)
    cells = [(*row, f"{corrected[row[0]]:.4f}" if row[0] in corrected else "-") for row in rows]
    return build_table(title, ("mean of", head, "corrected for verifier errors"), cells)
