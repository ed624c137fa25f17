"""The flow `refresh`: scores that are stale, because the policy or a verifier changed, are renewed in one task."""

from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, current_run, open_flow_run


def _work(call: FlowCall) -> Any:
    with open_flow_run(call, "curate refresh", upto="score") as run:
        message = as_task(_renew, "refresh", run.context.config.flow)("refresh")
        artifacts.make_artifacts(run.context)
        if run.missing:
            return run_states.partly("; ".join([message, *run.missing, "run it again to continue"]))
        return run_states.completed(message)


__getattr__ = define_flow(
    __name__,
    "refresh",
    _work,
    "Grade stored rollouts with the current verifiers, and update the pass rates to the last checkpoint.",
    override="loop.resample_fraction=0.1",
)


def _renew(_stage: str) -> str:
    from assay.pipelines.loop.rounds import refresh_stale

    run = current_run()
    result = run.told = refresh_stale(run.context)
    if result["left"]:
        run.missing.append(f"{result['left']} stored rollouts are not graded yet")
    if result["nothing_to_do"]:
        return "nothing to do: nothing was stale"
    refreshed = f"round {result['round']} refreshed" if result["refresh"] else "no training is done"
    return f"{result['regraded']} stored rollouts graded again, {refreshed}, {result['tokens']} tokens"
