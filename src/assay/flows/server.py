"""The Prefect server behind a flow run: a named one that must answer, or an ephemeral one that ends with this process."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from assay.core.config import FlowConfig
from assay.core.errors import ConfigError, EngineError, Stopped
from assay.core.ports import Reporter
from assay.flows.prefect_adapter import EPHEMERAL, prefect, server_errors, stop_retrying
from assay.flows.run_context import FlowCall, FlowRun, handed
from assay.pipelines.context.run import RunContext

# Ends the server when this process is gone, however it went: its end of the pipe closes with it.
GUARD = "import os, signal, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), signal.SIGTERM)"
_guards: list[subprocess.Popen[bytes]] = []


def answers(config: FlowConfig, reporter: Reporter) -> bool:
    """Whether flows can run: a named server answers, or none is named and an ephemeral one will do; False where the plan goes on without.

    Raises:
        ConfigError: the server that is named does not answer, and the plan says to stop; or the extra is not installed.
    """
    address = _address()
    if not address:
        return True
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
        trouble = client.api_healthcheck()
    if trouble is None:
        return True
    told = f"the Prefect server at {address} does not answer ({str(trouble) or type(trouble).__name__})"
    if config.if_no_server == "stop":
        raise ConfigError(
            f'{told}; `flow.if_no_server = "go_on"` runs without it, and without PREFECT_API_URL an ephemeral one is used'
        )
    reporter.warn(f"{told}; going on without it")
    return False


def started(reporter: Reporter) -> None:
    """A server is there; an ephemeral one is started where none is named.

    Raises:
        EngineError: it did not come up.
    """
    if _address():
        return
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()
    if server.running:
        return
    reporter.say(
        "starting an ephemeral Prefect server, which takes up to half a minute; PREFECT_API_URL names one that stays"
    )
    try:
        server.start()
    except RuntimeError as error:
        raise EngineError(f"Prefect's ephemeral server did not come up: {error}") from error
    assert server.server_process is not None
    EPHEMERAL[:] = [server.server_process]
    threading.Thread(target=_outlive, args=(server.server_process,), name="server", daemon=True).start()
    call = [sys.executable, "-S", "-c", GUARD, str(server.server_process.pid)]
    _guards.append(subprocess.Popen(call, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0))


def _outlive(server: "subprocess.Popen[Any]") -> None:
    """An ephemeral server that has died never answers again, and every call would wait a minute for it."""
    server.wait()
    stop_retrying()


def ephemeral_pid() -> int | None:
    """The process of the ephemeral server; None where a named one is used."""
    return EPHEMERAL[0].pid if EPHEMERAL else None


def through(flow: Callable[..., Any], context: RunContext, call: FlowCall) -> Any:
    """What a flow told of its work on this run, as one flow run on the server that PREFECT_API_URL names, or on an ephemeral one that ends with
    the process.

    Raises:
        EngineError: Prefect's own server did not come up.
        Stopped: the run was asked to stop, or lost its server.
    """
    started(context.reporter)
    with handed(FlowRun(context, call, at_sigterm=signal.getsignal(signal.SIGTERM))) as run, losing(run):
        state = flow(**call.parameters, return_state=True)
        if run.told is None and run.error is None:
            state.result()  # raises what went wrong before the work began
    return run.told


@contextmanager
def losing(run: FlowRun) -> Iterator[None]:
    """What ended the flow early is raised as itself; a server that went away costs the run nothing that is done.

    Raises:
        Stopped: the server went away before the work was done.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001  # raised again, unless it is Prefect's client that failed
        _lost(run, run.error or error)
    else:
        if run.error is not None:
            _lost(run, run.error)


def _lost(run: FlowRun, error: BaseException) -> None:
    if not isinstance(error, server_errors()):
        raise error
    why = " ".join(str(error).split()) or type(error).__name__
    if run.told is not None:
        run.context.reporter.warn(
            f"the Prefect server went away before it could be told of the run's end ({why}); all is done"
        )
        return
    raise Stopped(f"the Prefect server went away ({why}); what was done is in the lake") from error


def _address() -> Any:
    prefect()
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value()
