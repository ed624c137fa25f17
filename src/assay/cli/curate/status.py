"""`curate status`: what is done and left, what it has cost, and which selections have become stale."""

import os
from collections.abc import Sequence
from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors
from assay.cli.tables import build_table

SHOWN = 10  # rows of selections, and of runs


def status(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
    """Show what is done and left in each stage, the tokens and seconds spent, and which selections are stale."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis import disputed
        from assay.pipelines.analysis.cost_estimate import list_stages, stage_states
        from assay.pipelines.analysis.staleness import list_selections
        from assay.pipelines.analysis.summary import PAID
        from assay.pipelines.context.edited_parts import edited_parts
        from assay.pipelines.context.empty_lake import explain_empty_lake
        from assay.pipelines.context.run import RunContext
        from assay.pipelines.runner.stages import survey_stages
        from assay.stores.lake import Lake

        with Lake(config.lake) as opened, RunContext(config, opened, reporter) as context:
            for sentence in edited_parts(opened, config):
                reporter.say(sentence)
            if empty := explain_empty_lake(opened, config):
                reporter.say(empty)
            stage_survey = survey_stages(context)
            rows, past_selections = (
                list_stages(stage_states(stage_survey)),
                list_selections(context, stage_survey.results),
            )
            runs = opened.rows(
                "SELECT command, outcome, tokens, samples, seconds FROM runs WHERE event = 'end' ORDER BY time"
            )
            costs = opened.rows(PAID)
            unsure = (
                disputed.summarize_disputed(context, stage_survey.results)
                if "score" in stage_survey.results
                else disputed.NONE
            )
        if as_json:
            print_json(
                {
                    "lake": opened.place if "://" in opened.place else os.path.abspath(opened.root),
                    "stages": rows,
                    "selections": past_selections,
                    "runs": runs,
                    "costs": costs,
                    "grading": config.grade.mode,
                    "disputed": unsure,
                }
            )
            return
        _print_status(rows, past_selections, runs, costs, disputed.disputed_sentence(unsure))


def _print_status(
    rows: Sequence[dict[str, Any]],
    past_selections: Sequence[dict[str, Any]],
    runs: Sequence[dict[str, Any]],
    costs: Sequence[dict[str, Any]],
    disputed_sentence: str,
) -> None:
    console = open_console()
    stage_rows = [
        (row["stage"], row["state"], ", ".join(f"{count} {unit}" for unit, count in row["left"].items()))
        for row in rows
    ]
    console.print(build_table("stages", ("stage", "state", "left"), stage_rows))
    if disputed_sentence:
        console.print(f"\n{disputed_sentence}", markup=False, soft_wrap=True)
    if past_selections:
        selection_rows = [
            (row["selection"], row["kept"], "yes" if row["plan"] else "no", _describe_state(row))
            for row in past_selections[-SHOWN:]
        ]
        console.print(
            build_table(
                f"\nselections{_say_how_many(past_selections)}",
                ("selection", "kept", "this config's", "state"),
                selection_rows,
            )
        )
    if runs:
        run_rows = [tuple(row.values()) for row in runs[-SHOWN:]]
        console.print(build_table(f"\nruns that ended{_say_how_many(runs)}", tuple(runs[0]), run_rows))
    if costs:
        cost_rows = [
            (
                row["policy_name"],
                row["engine"],
                "training" if row["from_training"] else "scoring",
                row["rollouts"],
                row["tokens"],
            )
            for row in costs
        ]
        console.print(build_table("\nattempts paid for", ("policy", "engine", "for", "attempts", "tokens"), cost_rows))


def _describe_state(selection: dict[str, Any]) -> str:
    state = {None: "unknown: ", True: "stale: ", False: "fresh"}[selection["stale"]]
    return f"{state}{selection['why']}"


def _say_how_many(rows: Sequence[Any]) -> str:
    return f" (the last {SHOWN} of {len(rows)}; --json has all)" if len(rows) > SHOWN else ""
