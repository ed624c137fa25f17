"""Which flow runs of a lake are alive: each holds a lease there. Nobody tells the server of a run whose process was killed along with what had
started it, so the next run on that lake does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from assay.core.config import Config
from assay.core.errors import LakeError
from assay.flows.artifacts import untaken
from assay.pipelines.context.locks import renewing
from assay.stores.commits.lease import give_back, holder, take
from assay.stores.storage.backend import Place, at

NAME = "flow-"  # of a lease, before the run's id


@contextmanager
def alive(config: Config, say: Callable[[str], None]) -> Iterator[None]:
    """This flow run is known to be alive, once those that were killed are known to be dead. Neither is ever worth a failure."""
    from prefect.context import FlowRunContext

    context, place, token, dead_after_s = FlowRunContext.get(), config.lake, None, config.flow.dead_after_s
    name = f"{NAME}{context.flow_run.id if context and context.flow_run else ''}"
    try:
        bury(place, say)
        token = take(place, name, limit_s=dead_after_s) if name != NAME else None
    except (OSError, LakeError) as error:
        say(f"the lake does not tell which flow runs are alive: {error}")
    if token is None:
        yield
        return
    with renewing(place, name, token, dead_after_s, say):
        yield


def bury(place: Place, say: Callable[[str], None]) -> None:
    """Makes every flow run whose lease nobody renews any more Crashed, with what it had begun; a run of another server is left to that one."""
    for file in at(place).names("leases") or ():
        name = file.removesuffix(".json")
        if not name.startswith(NAME) or name == file:
            continue
        dead = holder(place, name)
        if (token := take(place, name, limit_s=1.0)) is None:  # it is alive, or another one is at this
            continue
        with untaken(say, f"the end of flow run {name.removeprefix(NAME)}"):
            if _crashed(
                UUID(name.removeprefix(NAME)), f"its process ({dead.get('process')} on {dead.get('host')}) is gone", say
            ):
                give_back(place, name, token)


def _crashed(run: UUID, why: str, say: Callable[[str], None]) -> bool:
    """Whether this server knows the run; it, the flow runs inside it and their tasks have ended then."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    with get_client(sync_client=True) as client:
        try:
            found = client.read_flow_run(run)
        except ObjectNotFound:
            return False
        runs = [
            found,
            *client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate({"parent_flow_run_id": {"any_": [run]}})
            ),
        ]
        among = FlowRunFilter.model_validate({"id": {"any_": [each.id for each in runs]}})
        for each in runs:
            if _open(each):
                client.set_flow_run_state(each.id, Crashed(message=f"Killed: {why}"), force=True)
                say(f"flow run {each.name!r} was killed ({why}); it is Crashed now")
        for task in client.read_task_runs(flow_run_filter=among):
            if _open(task):
                client.set_task_run_state(task.id, Crashed(message=f"Killed: {why}"), force=True)
    return True


def _open(run: Any) -> bool:
    return run.state is None or not run.state.is_final()
