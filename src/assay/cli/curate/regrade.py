"""`curate regrade`: stored rollouts under a new verifier version or a corrected label, free of tokens."""

from typing import Any

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, PARTLY, AsJson, ConfigPath, LakeDir, Sets, emit, exits, load, with_context
from assay.cli.tables import table


def regrade(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Judge every stored rollout that lacks a verdict of its present label and verifier; adds verdicts, edits none."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
    with_context(made, "curate regrade", lambda context: _regrade(context, as_json, voice), voice, upto="clean")


def _regrade(context: Any, as_json: bool, voice: ConsoleReporter) -> int:
    from assay.pipelines.runner.stages import run_regrade as work

    told = work(context)
    if as_json:
        emit(told)
    elif not told["judged"]:
        voice.say("nothing to regrade: every stored rollout has a verdict of its present label and verifier")
    else:
        rows = [("strict", *each.values()) for each in told["changes"]] + [
            ("lenient", *each.values()) for each in told["changes_lenient"]
        ]
        title = f"{told['judged']} rollouts judged, {told['from_training']} from training"
        page().print(table(title, ("reading", "before", "now", "rollouts"), rows))
    return PARTLY if told["left"] else DONE
