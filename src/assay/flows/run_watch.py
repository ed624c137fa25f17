"""Tell on the terminal of `curate schedule serve` how each run of its deployment begins, and how and why it ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from assay.flows.prefect_adapter import server_errors

EVERY_S = 2.0  # between two looks at the server's list
SHOWN = 20  # of the latest runs that are looked at; `serve` has 4 at a time
WAITING = ("SCHEDULED", "PENDING")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class RunWatch:
    """Asks the server now and then for a deployment's runs, and reports each that has begun or ended since.

    Whatever ended a run is told, also what the run's own process cannot say: that it was killed, or never came up.
    """

    def __init__(self, deployment: UUID, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self.deployment, self.say, self.warn = deployment, say, warn
        self.told: dict[UUID, bool] = {}  # runs that were reported, and whether as ended
        self.unreachable = False
        self.over = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Report inside the block, and at its end what has ended meanwhile. Runs that ended before are left out."""
        self.told |= {run.id: True for run in self._runs() if run.state.type.value in ENDED}
        thread = threading.Thread(target=self._watch, name="run-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()
            self.look()

    def _watch(self) -> None:
        while not self.over.wait(EVERY_S):
            self.look()

    def look(self) -> None:
        """Ask once; a server that does not answer is one warning until it answers again."""
        try:
            runs = self._runs()
        except server_errors() as error:
            if not self.unreachable and not self.over.is_set():
                self.warn(f"the Prefect server does not respond ({type(error).__name__}); no run starts until it does")
            self.unreachable = True
            return
        if self.unreachable:
            self.say("the Prefect server responds again")
        self.unreachable = False
        for run in reversed(runs):
            self._report(run)

    def _report(self, run: Any) -> None:
        ended = run.state.type.value in ENDED
        if self.told.get(run.id) in (True, ended):
            return
        if not ended:
            self.say(
                f"{_time(run.start_time)} run {run.name!r} started ({'by hand' if _by_hand(run) else 'scheduled'})"
            )
        else:
            message = " ".join((run.state.message or "").split())
            self.say(
                f"{_time(run.end_time)} run {run.name!r} ended {run.state.name}{f': {message}' if message else ''}"
            )
        self.told[run.id] = ended

    def _runs(self) -> list[Any]:
        """Return the latest runs of the deployment that have begun, newest first."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas import filters
        from prefect.client.schemas.sorting import FlowRunSort
        from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        state_filter = filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(not_any_=list(WAITING)))
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
            runs = client.read_flow_runs(
                deployment_filter=filters.DeploymentFilter(id=filters.DeploymentFilterId(any_=[self.deployment])),
                flow_run_filter=filters.FlowRunFilter(state=state_filter),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=SHOWN,
            )
        return list(runs)


def _by_hand(run: Any) -> bool:
    return not run.auto_scheduled


def _time(moment: datetime | None) -> str:
    return (moment.astimezone() if moment else datetime.now()).strftime("%H:%M:%S")
