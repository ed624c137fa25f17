"""The flow `rounds`: curate, train, refresh, and again on the last checkpoint; a task a round, each of which finds the earlier ones in the ledger."""

from contextlib import closing
from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, at_work, present


def _work(call: FlowCall) -> Any:
    with at_work(call, "train loop", upto="train") as run:
        task = as_task(_round, "round {number}", run.context.config.flow)
        told = [task(number) for number in range(1, run.context.config.loop.rounds + 1)]
        run.told, nothing = run.rounds, all(outcome.reused for one in run.rounds for outcome in one.outcomes)
        artifacts.show(run.context, run.rounds[0].results)
        artifacts.show_rounds(run.context, [one.outcomes[-1].detail for one in run.rounds])
        return run_states.completed(("nothing to do: " if nothing else "") + "; ".join(told))


__getattr__ = define_flow(
    __name__,
    "rounds",
    _work,
    "Curate, train and refresh, as often as the plan's [loop] says.",
    override="loop.rounds=3",
)


def _round(number: int) -> str:
    """What one round was worth, in words."""
    from assay.pipelines.loop.rounds import run_rounds

    run = present()
    with closing(run_rounds(run.context)) as walked:  # type: ignore[type-var]  # it is a generator
        one = next(each for each in walked if each.number == number)
    run.rounds.append(one)
    detail = one.outcomes[-1].detail
    before, after = (detail["held_out"][when][0] for when in ("before", "after"))
    return f"round {number}: held-out pass@1 {before} before, {after} after, checkpoint {detail['checkpoint']}"
