"""A run that a schedule started waits for its turn, or gives way: never two of one deployment at work. Runs that a person started take none."""

from collections.abc import Callable
from typing import Any

from assay.core.config import Config
from assay.flows.heartbeat import alive
from assay.flows.run_context import FlowCall, PrefectReporter
from assay.pipelines.context.locks import LockRefused, schedule_lock


def in_turn(call: FlowCall, body: Callable[[], Any]) -> Any:
    """What the body returns, or the state Cancelled, whose message names the run that is at work."""
    config, deployment, say = call.read(), _scheduled_by(), PrefectReporter().say
    with alive(config, say):
        return _in_turn(config, deployment, say, body) if deployment else body()


def _in_turn(config: Config, deployment: str, say: Callable[[str], None], body: Callable[[], Any]) -> Any:
    try:
        with schedule_lock(
            config.lake, deployment, overlap=config.flow.overlap, dead_after_s=config.flow.dead_after_s, say=say
        ):
            return body()
    except LockRefused as refused:
        from prefect.states import Cancelled

        return Cancelled(message=str(refused))


def _scheduled_by() -> str:
    """The deployment whose schedule started the flow run that is at work; "" for any other run."""
    from prefect import runtime
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return str(runtime.deployment.name) if run and run.auto_scheduled and run.deployment_id else ""
