"""Find or start the Prefect server behind a flow run: a named one that must answer, or an ephemeral one."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from assay.core.errors import ConfigError, EngineError, Stopped
from assay.core.flow_config import FlowConfig
from assay.core.ports import Reporter
from assay.flows.prefect_adapter import EPHEMERAL, prefect, server_errors, stop_retrying
from assay.flows.run_context import FlowCall, FlowRun, hand_over
from assay.pipelines.context.run import RunContext

# Ends the server when this process is gone for whatever reason: its end of the pipe closes then.
GUARD = "import os, signal, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), signal.SIGTERM)"
_guards: list[subprocess.Popen[bytes]] = []


def check_server(config: FlowConfig, reporter: Reporter) -> bool:
    """Return whether flows can run: a named server answers, or none is named and an ephemeral one will do.

    False where the named one does not answer and the config continues without it.

    Raises:
        ConfigError: the named server does not answer and the config says to stop; or the extra is not installed.
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
    complaint = f"the Prefect server at {address} does not answer ({str(trouble) or type(trouble).__name__})"
    if config.on_server_unavailable == "stop":
        raise ConfigError(
            f'{complaint}; `flow.on_server_unavailable = "continue"` runs without it; if PREFECT_API_URL is unset, a '
            "temporary server is used"
        )
    reporter.warn(f"{complaint}; going on without it")
    return False


def start_server(reporter: Reporter) -> None:
    """Make sure that a server is there; start an ephemeral one where none is named.

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
        "starting a temporary Prefect server, which takes up to half a minute; set PREFECT_API_URL to use a "
        "permanent one"
    )
    try:
        server.start()
    except RuntimeError as error:
        raise EngineError(f"Prefect's ephemeral server did not start: {error}") from error
    assert server.server_process is not None
    EPHEMERAL[:] = [server.server_process]
    threading.Thread(target=_watch_server, args=(server.server_process,), name="server", daemon=True).start()
    call = [sys.executable, "-S", "-c", GUARD, str(server.server_process.pid)]
    _guards.append(subprocess.Popen(call, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0))


def _watch_server(server: "subprocess.Popen[Any]") -> None:
    """Stop retries once an ephemeral server has died: it never answers again, and every call waits a minute."""
    server.wait()
    stop_retrying()


def ephemeral_pid() -> int | None:
    """Return the process of the ephemeral server; None where a named one is used."""
    return EPHEMERAL[0].pid if EPHEMERAL else None


def run_flow(flow: Callable[..., Any], context: RunContext, call: FlowCall) -> Any:
    """Run a flow on an open run, as one flow run on the named server, or on an ephemeral one.

    Args:
        flow: a flow of this room.
        context: the open run.
        call: the flow's parameters.

    Returns:
        What the flow left for the command line.

    Raises:
        EngineError: Prefect's own server did not come up.
        Stopped: the run was asked to stop, or lost its server.
    """
    start_server(context.reporter)
    with hand_over(FlowRun(context, call, at_sigterm=signal.getsignal(signal.SIGTERM))) as run, raise_own_error(run):
        state = flow(**call.parameters, return_state=True)
        if run.told is None and run.error is None:
            state.result()  # raises what went wrong before the work began
    return run.told


@contextmanager
def raise_own_error(run: FlowRun) -> Iterator[None]:
    """Raise what ended the flow early as itself; a server that went away costs the run nothing that is done.

    Raises:
        Stopped: the server went away before the work was done.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001  # raised again, unless it is Prefect's client that failed
        _raise_error(run, run.error or error)
    else:
        if run.error is not None:
            _raise_error(run, run.error)


def _raise_error(run: FlowRun, error: BaseException) -> None:
    if not isinstance(error, server_errors()):
        raise error
    reason = " ".join(str(error).split()) or type(error).__name__
    if run.told is not None:
        run.context.reporter.warn(
            f"the Prefect server went away before the run's end could be reported ({reason}); the run itself is "
            "complete"
        )
        return
    raise Stopped(f"the Prefect server went away ({reason}); finished work is in the lake") from error


def _address() -> Any:
    prefect()
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value()
