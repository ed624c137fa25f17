"""`curate regrade`: stored rollouts under a new verifier version or a corrected label, free of tokens."""

from typing import Any

from assay.cli.narrator import Voice, page
from assay.cli.runner import DONE, PARTLY, AsJson, LakeDir, PlanPath, Sets, emit, exits, load, with_job
from assay.cli.tables import table


def regrade(plan: PlanPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Judge every stored rollout that lacks a verdict of its present label and verifier; adds verdicts, edits none."""
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
    with_job(made, "curate regrade", lambda job: _regrade(job, as_json, voice), voice, upto="clean")


def _regrade(job: Any, as_json: bool, voice: Voice) -> int:
    from assay.pipelines.regrade import regrade as work

    told = work(job)
    if as_json:
        emit(told)
    elif not told["judged"]:
        voice.say("nothing to regrade: every stored rollout has a verdict of its present label and verifier")
    else:
        rows = [("strict", *each.values()) for each in told["changes"]] + [("lenient", *each.values()) for each in told["changes_lenient"]]
        title = f"{told['judged']} rollouts judged, {told['from_training']} from training"
        page().print(table(title, ("reading", "before", "now", "rollouts"), rows))
    return PARTLY if told["left"] else DONE
