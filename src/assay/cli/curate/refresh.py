"""`curate refresh`: renew scores that have become stale."""

from collections.abc import Callable
from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    PARTLY,
    AsJson,
    ConfigPath,
    Flow,
    LakeDir,
    Sets,
    find_flow,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table


def refresh(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, flow: Flow = False) -> None:
    """Update stale scores: stored rollouts are graded again by a new verifier; a new checkpoint is scored from the
    rollouts of its training and as few new ones as possible.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        renew = find_flow("refresh", config, path, lake, sets, reporter) if flow or config.flow.enabled else None
    run_with_context(
        config, "curate refresh", lambda context: _refresh(context, renew, as_json), reporter, upto="score"
    )


def _refresh(context: Any, flow: Callable[[Any], Any] | None, as_json: bool) -> int:
    from assay.pipelines.loop.rounds import refresh_stale

    result = (flow or refresh_stale)(context)
    if as_json:
        print_json(result)
        return PARTLY if result["left"] else DONE
    console = open_console()
    if result["nothing_to_do"]:
        console.print("nothing to do: all scores use the current verifiers and the last checkpoint", style="bold")
    if result["regraded"]:
        console.print(
            f"{result['regraded']} stored rollouts graded again"
            + ("; so were the config's scores" if result["rescored"] else "")
        )
    if (counts := result["refresh"]) is None:
        console.print("this config has no finished training, so its policy has not changed")
    elif "decided" in counts:
        _print_counts(console, counts)
    console.print(f"spent now: {result['tokens']} tokens", markup=False)
    return PARTLY if result["left"] else DONE


def _print_counts(console: Any, counts: dict[str, Any]) -> None:
    problems = {
        "decided by training's rollouts": counts["decided"],
        "attempted": counts["attempted"],
        "kept their score": counts["carried"],
    }
    rows = [*problems.items(), ("without a score", counts["unscored"])]
    console.print(build_table(f"pass rates of {counts['policy']}", ("problems", "count"), rows))
    again = [(name, n, attempted) for name, (n, attempted) in counts["again"].items()]
    console.print(build_table("dropped problems", ("last pass rate", "problems", "attempted again"), again))
    console.print(
        f"{counts['samples']} new rollouts, {counts['tokens']} tokens; {counts['opened']} problems solved for the "
        "first time",
        markup=False,
    )
