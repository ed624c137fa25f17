"""Prefect as the flows use it: loaded when a flow is asked for, without telemetry, its own lines kept out of ours."""

import atexit
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.core.config import FlowConfig
from assay.core.errors import EngineError, require

LOOPS = "prefect._internal.concurrency.threads"
ENDING_S = 5.0  # for what a loop is still at
UNTRACKED = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
QUIET = (
    UNTRACKED
    | {
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # it takes 12 to 30 s on two cores, and its default limit is 20
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the reporter speaks; everything is in the server's log
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",  # a cluster on this machine needs no token file in the home folder
    }
)
EPHEMERAL: list[subprocess.Popen[Any]] = []  # the server that this process started, if it did


def prefect() -> ModuleType:
    """The library, with settings that send nothing anywhere; what the user's environment says goes first.

    Raises:
        ConfigError: the extra `flows` is not installed.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    return untracked()


def untracked(module: str = "prefect") -> ModuleType:
    """Prefect or a module of it, which sends nothing anywhere and logs as its user set it up; it reads that wish when it is first imported.

    Raises:
        ConfigError: the extra `flows` is not installed.
    """
    for name, value in UNTRACKED.items():
        os.environ.setdefault(name, value)
    _at_exit()
    return require(module, extra="flows")


@cache
def _at_exit() -> None:
    """Once, and where this comes before Prefect's own import after all that Prefect does at exit."""
    atexit.register(_end_loops)


def _end_loops() -> None:
    """Ends Prefect's event loops, daemon threads that outlive the interpreter: what they hold keeps DuckDB's module, which then reports leaks."""
    for name in ("_global_loop", "_run_sync_loop"):
        loop: Any = getattr(sys.modules.get(LOOPS), name, None)
        if loop is not None and loop.thread.is_alive():
            loop.shutdown()
            loop.thread.join(ENDING_S)


def as_flow(body: Callable[..., Any], name: str) -> Any:
    """The function as a flow of this name that Prefect loads again by module and name."""
    body.__name__ = body.__qualname__ = name
    return prefect().flow(body, name=name, flow_run_name=_named, persist_result=False)


def as_task(body: Callable[..., Any], name: str, config: FlowConfig) -> Any:
    """The function as a task that is tried again, after a pause that doubles, where its engine failed and only there."""
    pauses = [config.backoff_s * 2**n for n in range(config.retries)]
    options = {
        "retries": config.retries,
        "retry_delay_seconds": pauses or 0,
        "retry_condition_fn": _engine_failed,
        "persist_result": False,
    }
    return prefect().task(body, name=name, task_run_name=name, **options)


def settings() -> dict[str, Any]:
    """Prefect's settings as they are here, the server's address among them, for a worker's `connect`."""
    prefect()
    from prefect.context import serialize_context

    return dict(serialize_context()["settings_context"])


def server_errors() -> tuple[type[Exception], ...]:
    """What Prefect's client raises where the server refuses or is gone."""
    import httpx
    from prefect.exceptions import PrefectException

    if EPHEMERAL and EPHEMERAL[0].poll() is not None:  # its tries were up while it waited for the next one
        return (PrefectException, httpx.HTTPError, AssertionError)
    return (PrefectException, httpx.HTTPError)


def stop_retrying() -> None:
    """Call when the server is gone for good: Prefect's clients then try nothing a second time, and their threads complain of nothing."""
    prefect()
    import logging

    from prefect.events.worker import EventsWorker
    from prefect.settings import get_current_settings

    get_current_settings().client.max_retries = 0
    logging.getLogger("prefect._internal.concurrency").addFilter(lambda _: False)  # a level would be set again
    for worker in list(EventsWorker._instances.values()):  # each event would wait 7 s, also when the process ends
        client: Any = getattr(worker, "_client", None)
        if hasattr(client, "_reconnection_attempts"):
            client._reconnection_attempts = 0


def connect(settings: dict[str, Any]) -> Callable[[], None]:
    """One client of the server for as long as the worker lives: otherwise each task makes two, and reads the certificates for both.

    Returns:
        What to call when the server is gone: nothing that this client sends is tried again.
    """
    prefect()
    from prefect.context import SettingsContext, SyncClientContext

    opened = ExitStack()
    current = opened.enter_context(SettingsContext(**settings)).settings
    opened.enter_context(SyncClientContext())
    _connections.append(opened)
    return lambda: setattr(current.client, "max_retries", 0)


_connections: list[ExitStack] = []


def flush() -> None:
    """The log lines so far are with the server, or five seconds are over: who kills a run once its state says that it ended, loses none."""
    prefect()
    from prefect.logging.handlers import APILogHandler

    APILogHandler().flush()


def _named() -> str:
    """The run's name in the server's lists: the plan's file and the time."""
    from prefect import runtime

    start = runtime.flow_run.get_scheduled_start_time()
    return f"{Path(runtime.flow_run.get_parameters()['config']).stem} {start:%Y-%m-%d %H:%M:%S}"


def _engine_failed(_task: Any, _run: Any, state: Any) -> bool:
    try:
        state.result()
    except EngineError:
        return True
    except Exception:  # noqa: BLE001  # whatever else went wrong is not cured by trying again
        return False
    return False
