"""The flow `refresh`: scores that have gone stale are told anew, because the policy moved or a verifier changed; as one task."""

from typing import Any

from assay.flows import artifacts, run_states
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, at_work, present


def _work(call: FlowCall) -> Any:
    with at_work(call, "curate refresh", upto="score") as run:
        told = as_task(_renewed, "refresh", run.context.config.flow)("refresh")
        artifacts.show(run.context)
        if run.missing:
            return run_states.partly("; ".join([told, *run.missing, "run it again to go on"]))
        return run_states.completed(told)


__getattr__ = define_flow(
    __name__,
    "refresh",
    _work,
    "Judge stored rollouts by the present verifiers, and tell the last checkpoint's pass rates.",
    override="loop.share=0.1",
)


def _renewed(_stage: str) -> str:
    from assay.pipelines.loop.rounds import refresh_stale

    run = present()
    told = run.told = refresh_stale(run.context)
    if told["left"]:
        run.missing.append(f"{told['left']} stored rollouts are not judged yet")
    if told["nothing_to_do"]:
        return "nothing to do: nothing was stale"
    refreshed = f"round {told['round']} refreshed" if told["refresh"] else "no training is done"
    return f"{told['regraded']} stored rollouts judged anew, {refreshed}, {told['tokens']} tokens"
