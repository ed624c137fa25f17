"""`curate check`: is this plan whole? Nothing runs, nothing is written. Of a selection: was it lucky? As `curate recheck`."""

from assay.cli.curate.recheck import Dropped, Kept, Target, of_selection
from assay.cli.curate.recheck import recheck as afresh
from assay.cli.narrator import Voice
from assay.cli.runner import AsJson, LakeDir, Sets, exits, load


def check(plan: Target, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, kept: Kept = 200, dropped: Dropped = 100) -> None:
    """Validate a plan's keys, parts, settings, files and model, without running anything; or, given a selection's key, recheck that selection."""
    if of_selection(plan):
        afresh(plan, lake, sets, as_json, kept, dropped)
        return
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
        from assay.pipelines import disputed
        from assay.pipelines.ingest import survey
        from assay.pipelines.job import Job
        from assay.pipelines.walk import preflight
        from assay.stores.lake import Lake

        with Lake(made.lake) as opened, Job(made, opened, voice) as job:
            preflight(job, "arrange")
            if (said := disputed.stored(job)) and (line := disputed.sentence(said)):
                voice.warn(line)
            for name, rows, found in survey(made):
                if found:
                    voice.warn(f"{name}: of the first {rows} rows " + ", ".join(f"{count} {reason}" for reason, count in found.most_common()))
            policy, sampler = job.engine.policy, made.policy.sampler.id
            voice.say(f"{plan}: whole. policy {policy.name} ({policy.revision}), sampler {sampler}, lake {opened.place}")
