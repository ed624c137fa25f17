"""The flow `rounds`: curate, train, refresh, and again on the last checkpoint; a task a round, each of which finds the earlier ones in the ledger."""

from contextlib import closing
from functools import cache
from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.prefect_adapter import as_flow, as_task
from assay.flows.run_context import FlowCall, at_work, present
from assay.flows.schedule_lock import in_turn


def __getattr__(name: str) -> Any:  # Prefect is loaded when the flow is asked for
    if name != "rounds":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _flow()


@cache
def _flow() -> Any:
    return as_flow(_rounds, "rounds")


def _rounds(config: str, lake: str | None = None, overrides: list[str] = []) -> Any:  # noqa: B006  # Prefect shows the default, nobody changes it
    """Curate, train and refresh, as often as the plan's [loop] says.

    Args:
        config: Path of the config, a TOML file.
        lake: The lake's folder or s3:// address, in place of the config's.
        overrides: Keys of the config to change, as "loop.rounds=3".
    """
    call = FlowCall(config, lake, tuple(overrides))
    return in_turn(call, lambda: _work(call))


def _work(call: FlowCall) -> Any:
    with at_work(call, "train loop", upto="train") as run:
        task = as_task(_round, "round {number}", run.context.config.flow)
        told = [task(number) for number in range(1, run.context.config.loop.rounds + 1)]
        run.told, nothing = run.rounds, all(outcome.reused for one in run.rounds for outcome in one.outcomes)
        artifacts.show(run.context)
        artifacts.show_rounds(run.context, [one.outcomes[-1].detail for one in run.rounds])
        return run_states.completed(("nothing to do: " if nothing else "") + "; ".join(told))


def _round(number: int) -> str:
    """What one round was worth, in words."""
    from assay.pipelines.loop.rounds import rounds

    run = present()
    with closing(rounds(run.context)) as walked:  # type: ignore[type-var]  # it is a generator
        one = next(each for each in walked if each.number == number)
    run.rounds.append(one)
    detail = one.outcomes[-1].detail
    before, after = (detail["held_out"][when][0] for when in ("before", "after"))
    return f"round {number}: held-out pass@1 {before} before, {after} after, checkpoint {detail['checkpoint']}"
