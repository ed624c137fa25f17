"""`curate regrade`: judge stored rollouts under a new verifier version or a corrected label; it costs no tokens."""

from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    PARTLY,
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


def regrade(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Grade every stored rollout without a verdict under its current label and verifier. Old verdicts stay."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(
        config, "curate regrade", lambda context: _regrade(context, as_json, reporter), reporter, upto="clean"
    )


def _regrade(context: Any, as_json: bool, reporter: ConsoleReporter) -> int:
    from assay.pipelines.runner.stages import run_regrade

    result = run_regrade(context)
    if as_json:
        print_json(result)
    elif result["terms"] and not result["judged"]:
        reporter.say(
            f"{result['terms']} stored rollouts got their missing terms of [train.reward]; no verdict was missing"
        )
    elif not result["judged"]:
        reporter.say("nothing to regrade: every stored rollout has a verdict by its current label and verifier")
    else:
        rows = [("strict", *change.values()) for change in result["changes"]] + [
            ("lenient", *change.values()) for change in result["changes_lenient"]
        ]
        title = f"{result['judged']} rollouts graded, {result['from_training']} from training"
        open_console().print(build_table(title, ("reading", "before", "now", "rollouts"), rows))
    return PARTLY if result["left"] else DONE
