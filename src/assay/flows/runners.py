"""Where the shards of a run are scored: threads, processes, or actors of a Ray cluster, as `[flow]` says."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import Finalize
from typing import Any

from assay.core.errors import require
from assay.core.flow_config import FlowConfig
from assay.flows import actors, shard_worker
from assay.flows.prefect_adapter import connect, prefect, settings
from assay.flows.server import ephemeral_pid

POLL_S = 1.0  # between two checks whether the parent is still alive


class WorkerPool:
    """A task runner, and the way to ask its workers to stop."""

    def __init__(self, config: FlowConfig) -> None:
        self.config, self.runner, self.stop = config, *RUNNERS[config.runner](config)

    def close(self) -> None:
        """Close what workers of this process have opened; those of other processes end with these."""
        shard_worker.close_all()


def check_extras(config: FlowConfig) -> None:
    """Check that the extras are installed before anything starts.

    Raises:
        ConfigError: the extra `flows` or `ray` is not installed.
    """
    prefect()
    if config.runner == "ray":
        actors.listen_on_loopback(config)
        require("ray", extra="ray")
        require("prefect_ray", extra="ray")


def _threads(config: FlowConfig) -> tuple[Any, Callable[[], None]]:
    from prefect.task_runners import ThreadPoolTaskRunner

    stop_requested = threading.Event()
    shard_worker.listen(stop_requested.is_set)
    return ThreadPoolTaskRunner(max_workers=config.workers), stop_requested.set


def _processes(config: FlowConfig) -> tuple[Any, Callable[[], None]]:
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    class ConnectedTaskRunner(ProcessPoolTaskRunner):  # type: ignore[misc]
        """Its workers have the settings from `connect`: read anew for each task they would cost it 60 ms."""

        def submit(self, *args: Any, **kwargs: Any) -> Any:
            future = super().submit(*args, **kwargs)
            if context := getattr(self, "_cached_context", None):
                context["settings_context"] = {}
            return future

        # with the flow, into a worker, which enters it for each task and needs no processes of its own
        def __reduce__(self) -> Any:
            return ThreadPoolTaskRunner, (1,)

    return ConnectedTaskRunner(
        max_workers=config.workers, initializer=_start_worker, initargs=(os.getpid(), ephemeral_pid(), settings())
    ), _ask_children


def _ask_children() -> None:
    for child in multiprocessing.active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid or 0, signal.SIGUSR1)


def _start_worker(parent: int, server: int | None, prefect_settings: dict[str, Any]) -> None:
    """Set up a worker process: it answers to its parent, not to the terminal, and ends with it."""
    stop_requested = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: stop_requested.set())
    shard_worker.listen(stop_requested.is_set)
    Finalize(None, shard_worker.close_all, exitpriority=100)
    threading.Thread(target=_watch, args=(parent, server, connect(prefect_settings)), daemon=True).start()


def _watch(parent: int, server: int | None, give_up: Callable[[], None]) -> None:
    """End this worker with its parent; once the parent's ephemeral server is gone, no call waits for it any more."""
    while os.getppid() == parent:
        if server is not None and not _is_alive(server):
            give_up()
        time.sleep(POLL_S)
    os._exit(1)  # what was committed stays, and nobody waits for the rest


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ray(config: FlowConfig) -> tuple[Any, Callable[[], None]]:
    runner = actors.actor_runner(config)
    return runner, runner.ask_to_stop


RUNNERS: dict[str, Callable[[FlowConfig], tuple[Any, Callable[[], None]]]] = {
    "threads": _threads,
    "processes": _processes,
    "ray": _ray,
}
