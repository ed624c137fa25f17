"""Engine workers on Ray: actors that open the plan's engine once and stay until the run ends; `prefect-ray` holds the cluster and the futures."""

import os
from contextvars import copy_context
from typing import Any
from uuid import uuid4

from assay.core.config import FlowConfig
from assay.core.errors import EngineError
from assay.flows import shard_worker
from assay.flows.prefect_adapter import QUIET, connect, settings

STARTS = 3  # of a cluster; on a busy machine its processes may need longer than Ray gives them
RETRIES = 2  # of a shard whose actor was lost at it; Ray starts the actor anew


class EngineWorker:
    """One actor: it runs tasks one after another, and hears of a stop meanwhile."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.asked, self.connected = False, copy_context()
        self.connected.run(connect, given)
        shard_worker.listen(lambda: self.asked)

    def process(self) -> int:
        """Where it runs, so that a test may kill it."""
        return os.getpid()

    def run(self, arguments: dict[str, Any]) -> Any:
        """The final state of one task run."""
        from prefect.task_engine import run_task_sync

        return self.connected.run(run_task_sync, **arguments, return_type="state")

    def stop(self) -> None:
        """From here on the task at work is asked to stop."""
        self.asked = True

    def close(self) -> None:
        """Ends engine, judge and lake."""
        shard_worker.close_all()


def keep_home(config: FlowConfig) -> None:
    """A cluster of this machine listens on loopback only; Ray reads that when it is imported for the first time, and never again."""
    if not config.ray_address:
        os.environ.setdefault(
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"
        )  # `_node_ip_address` of `ray.init` does not do it


def actor_runner(config: FlowConfig) -> Any:
    """A task runner (`prefect_ray.RayTaskRunner`) whose tasks go to `plan.workers` actors; a cluster of this machine ends with it."""
    keep_home(config)
    import ray
    from prefect.context import serialize_context
    from prefect.task_runners import ThreadPoolTaskRunner
    from prefect_ray.task_runners import PrefectRayFuture, RayTaskRunner

    class ActorTaskRunner(RayTaskRunner[Any]):  # type: ignore[misc]
        crew: list[
            Any
        ] = []  # made at the first task: an actor enters the runner too, and must not make actors of its own
        busy: list[list[Any]] = []  # each actor's calls that have not come back

        def __enter__(self) -> Any:
            for start in range(1, STARTS + 1):
                try:
                    return super().__enter__()
                except Exception as error:  # of no class of its own: a node that does not answer within 30 s
                    ray.shutdown()
                    self._started = False
                    if start == STARTS:
                        raise EngineError(
                            f"Ray could not be reached or started: {' '.join(str(error).split())}"
                        ) from error
            return None

        def _recruit(self) -> None:
            groups = {"tasks": 1, "orders": 1}
            again = {
                "max_restarts": -1,
                "max_task_retries": RETRIES,
            }  # what waited for a lost actor waits for its successor
            made = ray.remote(num_cpus=1, concurrency_groups=groups, **again)(EngineWorker)
            self.crew = [made.remote(settings()) for _ in range(config.workers)]
            self.busy = [[] for _ in self.crew]

        def submit(self, task: Any, parameters: Any, wait_for: Any = None, dependencies: Any = None) -> Any:
            if not self.crew:
                self._recruit()
            for place, calls in enumerate(self.busy):
                self.busy[place] = ray.wait(calls, num_returns=len(calls), timeout=0)[1] if calls else []
            place = min(range(len(self.crew)), key=lambda each: len(self.busy[each]))
            run = uuid4()
            context = {**serialize_context(), "settings_context": {}}  # the actor has them
            given = {
                "task": task,
                "task_run_id": run,
                "parameters": parameters,
                "wait_for": wait_for,
                "dependencies": dependencies,
            }
            call = self.crew[place].run.options(concurrency_group="tasks").remote({**given, "context": context})
            self.busy[place].append(call)
            return PrefectRayFuture(task_run_id=run, wrapped_future=call)

        def ask_to_stop(self) -> None:
            for actor in self.crew:
                actor.stop.options(concurrency_group="orders").remote()

        def duplicate(self) -> Any:
            return self  # the flow's copy must be the one that is asked to stop

        def __reduce__(
            self,
        ) -> Any:  # with the flow, into an actor, which enters it for each task and needs no cluster of its own
            return ThreadPoolTaskRunner, (1,)

        def __exit__(self, *why: Any) -> None:
            closing = [actor.close.options(concurrency_group="orders").remote() for actor in self.crew]
            if closing:
                ray.wait(closing, num_returns=len(closing), timeout=5)
            for actor in self.crew:
                ray.kill(actor)
            self.crew, self.busy = [], []
            super().__exit__(*why)

    return ActorTaskRunner(address=config.ray_address or None, init_kwargs=_cluster(config))


def _cluster(config: FlowConfig) -> dict[str, Any]:
    """How the cluster is joined, without a word of its own; one of this machine counts workers, not cores, and has our environment anyway."""
    silent = {"log_to_driver": False, "logging_level": "ERROR"}
    if not config.ray_address:
        return {**silent, "num_cpus": config.workers, "include_dashboard": False}
    return {
        **silent,
        "runtime_env": {"env_vars": {name: value for name, value in QUIET.items() if not name.startswith("RAY")}},
    }
