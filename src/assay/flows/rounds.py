"""The flow `rounds`: curate, train, refresh, and again on the last checkpoint, one task per round.

A round finds the earlier ones in the ledger.
"""

from contextlib import closing
from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, current_run, open_flow_run


def _work(call: FlowCall) -> Any:
    with open_flow_run(call, "train loop", upto="train") as run:
        task = as_task(_run_round, "round {number}", run.context.config.flow)
        messages = [task(number) for number in range(1, run.context.config.loop.rounds + 1)]
        run.told, nothing = run.rounds, all(outcome.reused for round_ in run.rounds for outcome in round_.outcomes)
        artifacts.make_artifacts(run.context, run.rounds[0].results)
        artifacts.make_rounds_table(run.context, [finished.outcomes[-1].detail for finished in run.rounds])
        return run_states.completed(("nothing to do: " if nothing else "") + "; ".join(messages))


__getattr__ = define_flow(
    __name__,
    "rounds",
    _work,
    "Curate, train and refresh, as often as the config's [loop] says.",
    override="loop.rounds=3",
)


def _run_round(number: int) -> str:
    """Run one round, and return what it gained in words."""
    from assay.pipelines.loop.rounds import run_rounds

    run = current_run()
    with closing(run_rounds(run.context)) as finished_rounds:  # type: ignore[type-var]  # it is a generator
        this_round = next(round_ for round_ in finished_rounds if round_.number == number)
    run.rounds.append(this_round)
    detail = this_round.outcomes[-1].detail
    before, after = (detail["held_out"][when][0] for when in ("before", "after"))
    return f"round {number}: held-out pass@1 {before} before, {after} after, checkpoint {detail['checkpoint']}"
