"""`curate status`: what is done, what is left, what it has cost, and which selections have grown stale."""

from assay.cli.narrator import Voice, page, table
from assay.cli.runner import AsJson, LakeDir, PlanPath, Sets, emit, exits, load


def status(plan: PlanPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Say stage by stage what is done and left, what the lake has cost in tokens and seconds, and which selections have grown stale."""
    voice = Voice()
    with exits(voice):
        made = load(plan, lake, sets)
        from assay.pipelines.forecast import stages
        from assay.pipelines.job import Job
        from assay.pipelines.stale import selections
        from assay.stores.lake import Lake

        with Lake(made.lake) as opened, Job(made, opened, voice) as job:
            rows, made_before = stages(job), selections(job)
            runs = opened.rows("SELECT command, outcome, tokens, samples, seconds FROM runs WHERE event = 'end' ORDER BY time")
            costs = opened.rows("SELECT policy_name, engine, from_training, rollouts, tokens FROM costs ORDER BY tokens DESC")
        if as_json:
            emit({"stages": rows, "selections": made_before, "runs": runs, "costs": costs})
            return
        console = page()
        left = [(each["stage"], each["state"], ", ".join(f"{count} {unit}" for unit, count in each["left"].items())) for each in rows]
        console.print(table("stages", ("stage", "state", "left"), left))
        if made_before:
            told = [
                (each["selection"], each["kept"], each["plan"], {None: "unknown: ", True: "stale: ", False: "fresh"}[each["stale"]] + each["why"])
                for each in made_before
            ]
            console.print(table("\nselections", ("selection", "kept", "this plan's", "state"), told))
        if runs:
            console.print(table("\nruns that ended", tuple(runs[0]), [tuple(row.values()) for row in runs]))
        if costs:
            console.print(table("\nattempts paid for", tuple(costs[0]), [tuple(row.values()) for row in costs]))
