"""`curate refresh`: scores that have gone stale, told anew."""

from collections.abc import Callable
from typing import Any

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import (
    DONE,
    PARTLY,
    AsJson,
    ConfigPath,
    Flow,
    LakeDir,
    Sets,
    emit,
    exits,
    flowing,
    load,
    with_context,
)
from assay.cli.tables import table


def refresh(
    config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, flow: Flow = False
) -> None:
    """Score again what has gone stale: under a new verifier from stored rollouts, for a checkpoint from training's rollouts and as few new ones."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        renew = flowing("refresh", made, config, lake, sets, voice) if flow or made.flow.enabled else None
    with_context(made, "curate refresh", lambda context: _refresh(context, renew, as_json), voice, upto="score")


def _refresh(context: Any, flow: Callable[[Any], Any] | None, as_json: bool) -> int:
    from assay.pipelines.loop.rounds import refresh_stale

    told = (flow or refresh_stale)(context)
    if as_json:
        emit(told)
        return PARTLY if told["left"] else DONE
    console = page()
    if told["nothing_to_do"]:
        console.print("nothing to do: all scores are of the present verifiers and the last checkpoint", style="bold")
    if told["regraded"]:
        console.print(
            f"{told['regraded']} stored rollouts judged anew"
            + ("; so were the plan's scores" if told["rescored"] else "")
        )
    if (found := told["refresh"]) is None:
        console.print("no training of this plan is done, so nothing has moved its policy")
    elif "decided" in found:
        _show(console, found)
    console.print(f"spent now: {told['tokens']} tokens", markup=False)
    return PARTLY if told["left"] else DONE


def _show(console: Any, found: dict[str, Any]) -> None:
    told = {
        "decided by training's rollouts": found["decided"],
        "attempted": found["attempted"],
        "kept their score": found["carried"],
    }
    rows = [*told.items(), ("without a score", found["unscored"])]
    console.print(table(f"pass rates of {found['policy']}", ("problems", "count"), rows))
    again = [(name, many, taken) for name, (many, taken) in found["again"].items()]
    console.print(table("dropped problems", ("last pass rate", "problems", "attempted again"), again))
    console.print(
        f"{found['samples']} new rollouts, {found['tokens']} tokens; {found['opened']} never solved before now are",
        markup=False,
    )
