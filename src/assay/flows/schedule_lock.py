"""Let a run that a schedule started wait for its turn, or give way, so that no deployment has two runs at work.

Runs that a person started are not limited.
"""

from collections.abc import Callable
from typing import Any

from assay.core.config import Config
from assay.flows.heartbeat import heartbeat
from assay.flows.run_context import FlowCall, PrefectReporter
from assay.pipelines.context.locks import LockRefused, schedule_lock


def run_in_turn(call: FlowCall, body: Callable[[], Any]) -> Any:
    """Return what the body returns, or the state Cancelled, whose message names the run that is at work."""
    config, deployment, say = call.read(), _scheduled_by(), PrefectReporter().say
    with heartbeat(config, say):
        return _run_scheduled(config, deployment, say, body) if deployment else body()


def _run_scheduled(config: Config, deployment: str, say: Callable[[str], None], body: Callable[[], Any]) -> Any:
    try:
        with schedule_lock(
            config.lake, deployment, overlap=config.flow.overlap, dead_after_s=config.flow.heartbeat_timeout_s, say=say
        ):
            return body()
    except LockRefused as refused:
        from prefect.states import Cancelled

        return Cancelled(message=str(refused))


def _scheduled_by() -> str:
    """Return the deployment whose schedule started the current flow run; "" for any other run."""
    from prefect import runtime
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return str(runtime.deployment.name) if run and run.auto_scheduled and run.deployment_id else ""
