"""Load Prefect as the flows use it: only when a flow is needed, without telemetry, with its output kept out of ours."""

import atexit
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.core.errors import EngineError, require
from assay.core.flow_config import FlowConfig

LOOPS = "prefect._internal.concurrency.threads"
ENDING_S = 5.0  # for a loop to finish
UNTRACKED = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
QUIET = UNTRACKED | {
    # it takes 12 to 30 s on two cores, and its default limit is 20
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the reporter speaks; everything is in the server's log
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # a cluster on this machine needs no token file in the home folder
}
EPHEMERAL: list[subprocess.Popen[Any]] = []  # the server that this process started, if it did


def prefect() -> ModuleType:
    """Import Prefect with settings that send nothing anywhere; the user's environment takes precedence.

    Raises:
        ConfigError: the extra `flows` is not installed.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    return import_untracked()


def import_untracked(module: str = "prefect") -> ModuleType:
    """Import Prefect or a module of it without telemetry, with logging as the user set it up.

    Prefect reads these settings when it is first imported.

    Raises:
        ConfigError: the extra `flows` is not installed.
    """
    for name, value in UNTRACKED.items():
        os.environ.setdefault(name, value)
    _at_exit()
    return require(module, extra="flows")


@cache
def _at_exit() -> None:
    """Register the end of Prefect's loops once: registered before Prefect's import, it runs after its exit handlers."""
    atexit.register(_end_loops)


def _end_loops() -> None:
    """End Prefect's event loops, daemon threads that outlive the interpreter.

    They hold references to DuckDB's module, which would then report leaks.
    """
    for name in ("_global_loop", "_run_sync_loop"):
        loop: Any = getattr(sys.modules.get(LOOPS), name, None)
        if loop is not None and loop.thread.is_alive():
            loop.shutdown()
            loop.thread.join(ENDING_S)


def as_flow(body: Callable[..., Any], name: str) -> Any:
    """Return the function as a flow of this name, which Prefect loads again by module and name."""
    body.__name__ = body.__qualname__ = name
    return prefect().flow(body, name=name, flow_run_name=_name_run, persist_result=False)


def as_task(body: Callable[..., Any], name: str, config: FlowConfig) -> Any:
    """Return the function as a task that is tried again, after a pause that doubles, only where its engine failed."""
    pauses = [config.backoff_s * 2**n for n in range(config.retries)]
    options = {
        "retries": config.retries,
        "retry_delay_seconds": pauses or 0,
        "retry_condition_fn": _engine_failed,
        "persist_result": False,
    }
    return prefect().task(body, name=name, task_run_name=name, **options)


def settings() -> dict[str, Any]:
    """Return Prefect's current settings, with the server's address, for a worker's `connect`."""
    prefect()
    from prefect.context import serialize_context

    return dict(serialize_context()["settings_context"])


def server_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of Prefect's client where the server refuses or is gone."""
    import httpx
    from prefect.exceptions import PrefectException

    if EPHEMERAL and EPHEMERAL[0].poll() is not None:  # its tries were up while it waited for the next one
        return (PrefectException, httpx.HTTPError, AssertionError)
    return (PrefectException, httpx.HTTPError)


def stop_retrying() -> None:
    """Make Prefect's clients try nothing twice and complain of nothing; for when the server is gone for good."""
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
    """Open one client of the server for the life of the worker; otherwise each task opens two and reads certificates.

    Args:
        settings: of Prefect, from `settings()` in the parent.

    Returns:
        A function to call when the server is gone: nothing that this client sends is tried again.
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
    """Wait until the log lines so far are with the server, or for five seconds, so that a killed run loses none."""
    prefect()
    from prefect.logging.handlers import APILogHandler

    APILogHandler().flush()


def _name_run() -> str:
    """Return the run's name in the server's lists: the config's name, as artifacts have it, and the time."""
    from prefect import runtime

    start = runtime.flow_run.get_scheduled_start_time()
    return f"{_config_name(Path(runtime.flow_run.get_parameters()['config']))} {start:%Y-%m-%d %H:%M:%S}"


def _config_name(path: Path) -> str:
    """Return a config's `name`, or its file's where it has none or cannot be read.

    >>> _config_name(Path("nowhere/nightly.toml"))
    'nightly'
    """
    try:
        name = tomllib.loads(path.read_text(encoding="utf-8")).get("name")
    except (OSError, ValueError):
        name = None
    return name if isinstance(name, str) and name else path.stem


def _engine_failed(_task: Any, _run: Any, state: Any) -> bool:
    try:
        state.result()
    except EngineError:
        return True
    except Exception:  # noqa: BLE001  # whatever else went wrong is not cured by trying again
        return False
    return False
