"""A run that a schedule started waits for its turn, or gives way: never two of one deployment at work. Runs that a person started take none."""

from collections.abc import Callable
from typing import Any

from assay.core.plan import Plan
from assay.flows.presence import alive
from assay.flows.work import Call, Logged
from assay.pipelines.turns import Refused, turn


def in_turn(call: Call, body: Callable[[], Any]) -> Any:
    """What the body returns, or the state Cancelled, whose message names the run that is at work."""
    plan, deployment, say = call.read(), _scheduled_by(), Logged().say
    with alive(plan, say):
        return _in_turn(plan, deployment, say, body) if deployment else body()


def _in_turn(plan: Plan, deployment: str, say: Callable[[str], None], body: Callable[[], Any]) -> Any:
    try:
        with turn(plan.lake, deployment, overlap=plan.flow.overlap, dead_after_s=plan.flow.dead_after_s, say=say):
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
