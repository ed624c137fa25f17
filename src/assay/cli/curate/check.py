"""`curate check`: is this plan whole? Nothing runs, nothing is written."""

from assay.cli.narrator import Voice
from assay.cli.runner import LakeDir, PlanPath, Sets, exits, load


def check(plan: PlanPath, lake: LakeDir = "", sets: Sets = []) -> None:
    """Validate keys, parts, settings, files and model, without running anything."""
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
        from assay.pipelines.job import Job
        from assay.pipelines.walk import preflight
        from assay.stores.lake import Lake

        with Lake(made.lake) as opened, Job(made, opened, voice) as job:
            preflight(job, "arrange")
            policy, sampler = job.engine.policy, made.policy.sampler.id
            voice.say(f"{plan}: whole. policy {policy.name} ({policy.revision}), sampler {sampler}, lake {opened.place}")
