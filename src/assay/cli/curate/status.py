"""`curate status`: what is done, what is left, what it has cost, and which selections have grown stale."""

from collections.abc import Sequence
from typing import Any

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, emit, exits, load
from assay.cli.tables import table

SHOWN = 10  # selections, and runs


def status(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Say stage by stage what is done and left, what the lake has cost in tokens and seconds, and which selections have grown stale."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        from assay.pipelines.analysis import disputed
        from assay.pipelines.analysis.cost_estimate import stage_states, stages
        from assay.pipelines.analysis.staleness import selections
        from assay.pipelines.analysis.summary import PAID
        from assay.pipelines.context.run import RunContext
        from assay.pipelines.runner.stages import survey
        from assay.stores.lake import Lake

        with Lake(made.lake) as opened, RunContext(made, opened, voice) as context:
            found = survey(context)
            rows, made_before = stages(stage_states(found)), selections(context, found.results)
            runs = opened.rows(
                "SELECT command, outcome, tokens, samples, seconds FROM runs WHERE event = 'end' ORDER BY time"
            )
            costs = opened.rows(PAID)
            unsure = disputed.summarize_disputed(context, found.results) if "score" in found.results else disputed.NONE
        if as_json:
            emit(
                {
                    "stages": rows,
                    "selections": made_before,
                    "runs": runs,
                    "costs": costs,
                    "grading": made.grade.mode,
                    "disputed": unsure,
                }
            )
            return
        console = page()
        left = [
            (each["stage"], each["state"], ", ".join(f"{count} {unit}" for unit, count in each["left"].items()))
            for each in rows
        ]
        console.print(table("stages", ("stage", "state", "left"), left))
        if said := disputed.disputed_sentence(unsure):
            console.print(f"\n{said}", markup=False, soft_wrap=True)
        if made_before:
            told = [
                (each["selection"], each["kept"], "yes" if each["plan"] else "no", _state(each))
                for each in made_before[-SHOWN:]
            ]
            console.print(
                table(f"\nselections{_last(made_before)}", ("selection", "kept", "this plan's", "state"), told)
            )
        if runs:
            ended = [tuple(row.values()) for row in runs[-SHOWN:]]
            console.print(table(f"\nruns that ended{_last(runs)}", tuple(runs[0]), ended))
        if costs:
            paid = [
                (
                    row["policy_name"],
                    row["engine"],
                    "training" if row["from_training"] else "scoring",
                    row["rollouts"],
                    row["tokens"],
                )
                for row in costs
            ]
            console.print(table("\nattempts paid for", ("policy", "engine", "for", "attempts", "tokens"), paid))


def _state(selection: dict[str, Any]) -> str:
    state = {None: "unknown: ", True: "stale: ", False: "fresh"}[selection["stale"]]
    return f"{state}{selection['why']}"


def _last(rows: Sequence[Any]) -> str:
    return f" (the last {SHOWN} of {len(rows)}; --json has all)" if len(rows) > SHOWN else ""
