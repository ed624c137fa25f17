"""Score shards in actors of a Ray cluster, each of which opens the config's engine once and stays until the run ends.

`prefect-ray` holds the cluster and the futures.
"""

import math
import os
from contextvars import copy_context
from typing import Any
from uuid import uuid4

from assay.core.errors import EngineError
from assay.core.flow_config import FlowConfig
from assay.flows import shard_worker
from assay.flows.prefect_adapter import QUIET, connect, settings

STARTS = 3  # tries to start a cluster; on a busy machine its processes may need longer than Ray allows
RETRIES = 2  # of a shard whose actor was lost; Ray restarts the actor


class EngineWorker:
    """One actor: it runs tasks one after another, and can be asked to stop meanwhile."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.stop_requested, self.connected = False, copy_context()
        self.connected.run(connect, arguments)
        shard_worker.listen(lambda: self.stop_requested)

    def process(self) -> int:
        """Return the id of its process, so that a test may kill it."""
        return os.getpid()

    def run(self, arguments: dict[str, Any]) -> Any:
        """Run one task and return the final state of its run."""
        from prefect.task_engine import run_task_sync

        return self.connected.run(run_task_sync, **arguments, return_type="state")

    def stop(self) -> None:
        """Ask the current task to stop."""
        self.stop_requested = True

    def close(self) -> None:
        """Close engine, judge and lake."""
        shard_worker.close_all()


def listen_on_loopback(config: FlowConfig) -> None:
    """Make a cluster of this machine listen on loopback only; Ray reads the variable once, at its first import."""
    if not config.ray_address:
        # `_node_ip_address` of `ray.init` does not do it
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")


def actor_runner(config: FlowConfig) -> Any:
    """Return a task runner (`prefect_ray.RayTaskRunner`) whose tasks go to `config.workers` actors.

    A cluster of this machine ends with it.

    Raises:
        EngineError: Ray cannot be reached or started; raised when the runner is entered.
    """
    listen_on_loopback(config)
    import ray
    from prefect.context import serialize_context
    from prefect.task_runners import ThreadPoolTaskRunner
    from prefect_ray.task_runners import PrefectRayFuture, RayTaskRunner

    class ActorTaskRunner(RayTaskRunner[Any]):  # type: ignore[misc]
        # made at the first task: an actor enters the runner too, and must not make actors of its own
        actors: list[Any] = []
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

        def submit(self, task: Any, parameters: Any, wait_for: Any = None, dependencies: Any = None) -> Any:
            if not self.actors:
                self.actors = _make_actors(ray, config)
                self.busy = [[] for _ in self.actors]
            place = _find_least_busy(ray, self.busy)
            run = uuid4()
            context = {**serialize_context(), "settings_context": {}}  # the actor has them
            arguments = {
                "task": task,
                "task_run_id": run,
                "parameters": parameters,
                "wait_for": wait_for,
                "dependencies": dependencies,
            }
            call = self.actors[place].run.options(concurrency_group="tasks").remote({**arguments, "context": context})
            self.busy[place].append(call)
            return PrefectRayFuture(task_run_id=run, wrapped_future=call)

        def ask_to_stop(self) -> None:
            for actor in self.actors:
                actor.stop.options(concurrency_group="orders").remote()

        def duplicate(self) -> Any:
            return self  # the flow's copy must be the one that is asked to stop

        # with the flow, into an actor, which enters it for each task and needs no cluster of its own
        def __reduce__(self) -> Any:
            return ThreadPoolTaskRunner, (1,)

        def __exit__(self, *error: Any) -> None:
            closing = [actor.close.options(concurrency_group="orders").remote() for actor in self.actors]
            if closing:
                ray.wait(closing, num_returns=len(closing), timeout=5)
            for actor in self.actors:
                ray.kill(actor)
            self.actors, self.busy = [], []
            super().__exit__(*error)

    return ActorTaskRunner(address=config.ray_address or None, init_kwargs=_cluster(config))


def _make_actors(ray: Any, config: FlowConfig) -> list[Any]:
    """Start actors; what waited for a lost one waits for its successor.

    Raises:
        EngineError: the cluster has fewer GPUs than the actors reserve, so that some would wait for ever.
    """
    found, wanted = ray.cluster_resources().get("GPU", 0.0), config.workers * config.gpus_per_worker
    if found < wanted:
        raise EngineError(
            f"flow.workers = {config.workers} with flow.gpus_per_worker = {config.gpus_per_worker:g} need {wanted:g} "
            f"GPUs, and the Ray cluster has {found:g}"
        )
    again = {"max_restarts": -1, "max_task_retries": RETRIES}
    resources = {"num_cpus": config.cpus_per_worker, "num_gpus": config.gpus_per_worker}
    actor_class = ray.remote(concurrency_groups={"tasks": 1, "orders": 1}, **resources, **again)(EngineWorker)
    return [actor_class.remote(settings()) for _ in range(config.workers)]


def _find_least_busy(ray: Any, busy: list[list[Any]]) -> int:
    """Forget the calls that have come back, and return the place of the actor with the fewest others."""
    for place, calls in enumerate(busy):
        busy[place] = ray.wait(calls, num_returns=len(calls), timeout=0)[1] if calls else []
    return min(range(len(busy)), key=lambda place: len(busy[place]))


def _cluster(config: FlowConfig) -> dict[str, Any]:
    """Return how the cluster is joined, without output of its own.

    A cluster of this machine counts workers, not cores, and inherits our environment.
    """
    silent = {"log_to_driver": False, "logging_level": "ERROR"}
    if not config.ray_address:
        n_cpus = math.ceil(config.workers * config.cpus_per_worker)
        return {**silent, "num_cpus": n_cpus, "include_dashboard": False}
    return {
        **silent,
        "runtime_env": {"env_vars": {name: value for name, value in QUIET.items() if not name.startswith("RAY")}},
    }
