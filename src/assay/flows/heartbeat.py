"""Know which flow runs of a lake are alive: each holds a lease there.

Nobody tells the server about a run whose process was killed along with what had started it, so the next run on that
lake does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from assay.core.config import Config
from assay.core.errors import LakeError
from assay.flows.artifacts import warn_if_refused
from assay.pipelines.context.locks import keep_renewed
from assay.stores.commits.lease import give_back, holder, take
from assay.stores.storage.backend import Place, at

NAME = "flow-"  # of a lease, before the run's id


@contextmanager
def heartbeat(config: Config, say: Callable[[str], None]) -> Iterator[None]:
    """Mark this flow run as alive for the length of the block, after marking killed runs as dead; neither raises."""
    from prefect.context import FlowRunContext

    context, place, token, dead_after_s = FlowRunContext.get(), config.lake, None, config.flow.heartbeat_timeout_s
    name = f"{NAME}{context.flow_run.id if context and context.flow_run else ''}"
    try:
        mark_dead_runs(place, say)
        token = take(place, name, limit_s=dead_after_s) if name != NAME else None
    except (OSError, LakeError) as error:
        say(f"cannot read from the lake which flow runs are alive: {error}")
    if token is None:
        yield
        return
    with keep_renewed(place, name, token, dead_after_s, say):
        yield


def mark_dead_runs(place: Place, say: Callable[[str], None]) -> None:
    """Mark flow runs whose lease is no longer renewed as Crashed, with their tasks, but for those of another server."""
    for file in at(place).names("leases") or ():
        name = file.removesuffix(".json")
        if not name.startswith(NAME) or name == file:
            continue
        dead = holder(place, name)
        if (token := take(place, name, limit_s=1.0)) is None:  # it is alive, or another one is at this
            continue
        with warn_if_refused(say, f"the end of flow run {name.removeprefix(NAME)}"):
            if _mark_crashed(
                UUID(name.removeprefix(NAME)), f"its process ({dead.get('process')} on {dead.get('host')}) is gone", say
            ):
                give_back(place, name, token)


def _mark_crashed(run: UUID, reason: str, say: Callable[[str], None]) -> bool:
    """Mark a run, the flow runs inside it and their tasks as Crashed; return whether this server knows the run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    with get_client(sync_client=True) as client:
        try:
            run_state = client.read_flow_run(run)
        except ObjectNotFound:
            return False
        runs = [
            run_state,
            *client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate({"parent_flow_run_id": {"any_": [run]}})
            ),
        ]
        of_runs = FlowRunFilter.model_validate({"id": {"any_": [flow_run.id for flow_run in runs]}})
        for flow_run in runs:
            if _is_open(flow_run):
                client.set_flow_run_state(flow_run.id, Crashed(message=f"Killed: {reason}"), force=True)
                say(f"flow run {flow_run.name!r} was killed ({reason}); it is Crashed now")
        for task in client.read_task_runs(flow_run_filter=of_runs):
            if _is_open(task):
                client.set_task_run_state(task.id, Crashed(message=f"Killed: {reason}"), force=True)
    return True


def _is_open(run: Any) -> bool:
    return run.state is None or not run.state.is_final()
