"""A run that a schedule started waits for its turn, or gives way: never two of one deployment at work. Runs that a person started take none."""

from collections.abc import Callable
from typing import Any

from assay.flows.work import Call, Logged
from assay.pipelines.turns import Refused, turn


def in_turn(call: Call, body: Callable[[], Any]) -> Any:
    """What the body returns, or the state Cancelled, whose message names the run that is at work."""
    deployment = _scheduled_by()
    if not deployment:
        return body()
    plan = call.read()
    try:
        with turn(plan.lake, deployment, overlap=plan.flow.overlap, dead_after_s=plan.flow.dead_after_s, say=Logged().say):
            return body()
    except Refused as refused:
        from prefect.states import Cancelled

        return Cancelled(message=str(refused))


def _scheduled_by() -> str:
    """The deployment whose schedule started the flow run that is at work; "" for any other run."""
    from prefect import runtime
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return str(runtime.deployment.name) if run and run.auto_scheduled and run.deployment_id else ""
