"""Where the shards of a run are scored: threads, processes, or actors of a Ray cluster, as the plan's `[flow]` says."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Any

from assay.core.config import FlowConfig
from assay.core.errors import require
from assay.flows import actors, shard_worker
from assay.flows.prefect_adapter import connect, prefect, settings
from assay.flows.server import ephemeral_pid

LOOK_S = 1.0  # between two looks whether the parent still lives


class WorkerPool:
    """A task runner, and the way to ask its workers to stop."""

    def __init__(self, config: FlowConfig) -> None:
        self.config, self.runner, self.stop = config, *MADE[config.runner](config)

    def close(self) -> None:
        """Ends what workers of this process have opened; those of other processes end with these."""
        shard_worker.close_all()


def check(config: FlowConfig) -> None:
    """Finds missing extras before anything starts.

    Raises:
        ConfigError: the extra `flows` or `ray` is not installed.
    """
    prefect()
    if config.runner == "ray":
        actors.keep_home(config)
        require("ray", extra="ray")
        require("prefect_ray", extra="ray")


def _threads(config: FlowConfig) -> tuple[Any, Callable[[], None]]:
    from prefect.task_runners import ThreadPoolTaskRunner

    asked = threading.Event()
    shard_worker.listen(asked.is_set)
    return ThreadPoolTaskRunner(max_workers=config.workers), asked.set


def _processes(config: FlowConfig) -> tuple[Any, Callable[[], None]]:
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    class Pool(ProcessPoolTaskRunner):  # type: ignore[misc]
        """Its workers have the settings from `connect`: read anew for each task they would cost it 60 ms."""

        def submit(self, *given: Any, **named: Any) -> Any:
            future = super().submit(*given, **named)
            if context := getattr(self, "_cached_context", None):
                context["settings_context"] = {}
            return future

        def __reduce__(
            self,
        ) -> Any:  # with the flow, into a worker, which enters it for each task and needs no processes of its own
            return ThreadPoolTaskRunner, (1,)

    return Pool(
        max_workers=config.workers, initializer=_enlisted, initargs=(os.getpid(), ephemeral_pid(), settings())
    ), _ask_children


def _ask_children() -> None:
    for child in multiprocessing.active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid or 0, signal.SIGUSR1)


def _enlisted(parent: int, server: int | None, given: dict[str, Any]) -> None:
    """A worker process answers to its parent, not to the terminal, and ends with it."""
    asked = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: asked.set())
    shard_worker.listen(asked.is_set)
    Finalize(None, shard_worker.close_all, exitpriority=100)
    threading.Thread(target=_watch, args=(parent, server, connect(given)), daemon=True).start()


def _watch(parent: int, server: int | None, give_up: Callable[[], None]) -> None:
    """Ends this worker with its parent; once the parent's ephemeral server is gone, no call waits for it any more."""
    while os.getppid() == parent:
        if server is not None and not _lives(server):
            give_up()
        time.sleep(LOOK_S)
    os._exit(1)  # what was committed stays, and nobody waits for the rest


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ray(config: FlowConfig) -> tuple[Any, Callable[[], None]]:
    made = actors.actor_runner(config)
    return made, made.ask_to_stop


MADE: dict[str, Callable[[FlowConfig], tuple[Any, Callable[[], None]]]] = {
    "threads": _threads,
    "processes": _processes,
    "ray": _ray,
}
