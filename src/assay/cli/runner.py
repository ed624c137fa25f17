"""What every command shares: options, the config that they give, opening a run, and exit codes.

Exit codes: 0 done, 1 failed, 2 usage, 3 partly done (run it again), 4 nothing to train on, or a source of which
nothing is left.
"""

import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.core.display import escape_controls
from assay.core.errors import (
    ConfigError,
    EmptyResultError,
    EngineError,
    EvidenceError,
    LakeError,
    PublishError,
    Stopped,
    TrainingError,
)

if TYPE_CHECKING:
    from assay.core.config import Config  # loads numpy and pydantic, which no help text waits for

DONE, FAILED, USAGE, PARTLY, NOTHING = 0, 1, 2, 3, 4

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The config (a TOML file).", show_default=False)]
LakeDir = Annotated[
    str,
    typer.Option(
        "--lake",
        metavar="DIR",
        help="The lake's folder or s3:// address; by default the config's.",
        show_default=False,
    ),
]
AnyLake = Annotated[str, typer.Option("--lake", metavar="DIR", help="The lake's folder or s3:// address.")]
Sets = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one key of the config: select.budget=50. May be repeated.",
        show_default=False,
    ),
]
Flow = Annotated[bool, typer.Option("--flow", help="Run as a Prefect flow.")]
RetryRefused = Annotated[
    bool, typer.Option("--retry-refused", help="Retry requests that a server refused in an earlier run.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON summary on stdout; messages stay on stderr.")]


GRACE_S = 10  # after a request to stop, the engine may work on for so long before it is cut off


class StopSignal:
    """Set by the first SIGINT, SIGTERM or SIGUSR1 (a scheduler's warning); the second one interrupts at once.

    An engine, a filter or a source that does not return within GRACE_S is abandoned, and what had arrived is
    committed.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.is_waiting: Callable[[], bool] = lambda: False  # whether the run waits for the engine and may be cut off

    def __call__(self) -> bool:
        return self.is_set

    def _request_stop(self, number: int, _frame: object) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
        signal.alarm(GRACE_S)
        message = f"{signal.Signals(number).name}: committing what has arrived; a second signal stops at once"
        print(message, file=sys.stderr)  # noqa: T201

    def _cut_off(self, _number: int, _frame: object) -> None:
        signal.alarm(1)  # again, for a part that catches every exception
        if self.is_waiting():  # else rows are being written, or judged: never in between
            raise Stopped(f"stopped on request; what did not finish within {GRACE_S} s is left, the rest is committed")

    @contextmanager
    def listening(self) -> Iterator["StopSignal"]:
        """Handle the signals inside the block, and restore the former handlers after it."""
        before = {
            number: signal.signal(number, self._request_stop)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
        }
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._cut_off)
        try:
            yield self
        finally:
            signal.alarm(0)
            for number, old in before.items():
                signal.signal(number, old)


def load_config(path: Path, lake: str, sets: list[str]) -> "Config":
    """Read the config with the command line's overrides.

    Args:
        path: of the TOML file.
        lake: takes the place of the config's lake; "" = the config's own.
        sets: overrides of the form key=value.

    Raises:
        ConfigError: as `core.config.read_config`.
    """
    from assay.core.config import read_config

    config = read_config(path, sets)
    return config.model_copy(update={"lake": lake}) if lake else config


def set_retry_refused(context: Any, retry_refused: bool) -> Any:
    """Set whether a run sends again what a server refused, and return it."""
    context.retry_refused = retry_refused
    return context


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=1, default=str, allow_nan=False) + "\n")


@contextmanager
def report_errors(reporter: ConsoleReporter) -> Iterator[None]:
    """Turn errors into one line and an exit code; an unforeseen one keeps its traceback, with controls escaped."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except ConfigError as error:
        reporter.console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(NOTHING if isinstance(error, EmptyResultError) else USAGE) from error
    except (LakeError, EngineError, EvidenceError, TrainingError, PublishError) as error:
        reporter.console.print(f"failed: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(FAILED) from error
    except (Stopped, KeyboardInterrupt) as error:
        reporter.console.print(
            f"stopped: {str(error) or 'interrupted'}; run the same command again to continue",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(PARTLY) from error
    except Exception as error:
        sys.stderr.write(escape_controls(traceback.format_exc()))
        raise typer.Exit(FAILED) from error


def find_flow(
    name: str, config: "Config", path: Path, lake: str, sets: list[str], reporter: ConsoleReporter
) -> Callable[[Any], Any] | None:
    """Return the flow of this name, which is called with an open run.

    Args:
        name: of a module in `assay.flows` and of its flow.
        config: of the run.
        path: of the config.
        lake: as on the command line.
        sets: as on the command line.
        reporter: is told where no server answers.

    Returns:
        The flow; None where no server answers and the config continues without one.

    Raises:
        ConfigError: an extra is not installed, or no server answers.
    """
    from importlib import import_module

    from assay.flows import runners, server
    from assay.flows.run_context import FlowCall

    runners.check_extras(config.flow)
    if not server.check_server(config.flow, reporter):
        return None
    call = FlowCall(str(path), lake or None, tuple(sets))
    return lambda context: server.run_flow(getattr(import_module(f"assay.flows.{name}"), name), context, call)


def run_with_context(
    config: "Config", command: str, body: Callable[[Any], int], reporter: ConsoleReporter, *, upto: str
) -> None:
    """Open the config's lake and run the body as one run, whose start and end are rows in `runs`.

    Everything that can be wrong with the config, its files, its model and its lake is found before the first row is
    written.

    Args:
        config: of the run.
        command: as `runs` records it.
        body: called with the run's context; it returns the exit code.
        reporter: of the run.
        upto: the last stage that will run; "" = all.

    Raises:
        typer.Exit: the exit code, where it is not 0.
    """
    from assay.cli.environment import check_faiss
    from assay.pipelines.runner.open_run import run_context

    with report_errors(reporter):
        check_faiss()
    with report_errors(reporter), StopSignal().listening() as stop:

        def may_be_cut(context: Any) -> None:
            stop.is_waiting = lambda: context.meter.waiting

        with run_context(config, reporter, command=command, upto=upto, stop=stop, on_open=may_be_cut) as context:
            code = body(context)
            context.outcome = {DONE: "done", PARTLY: "partly"}.get(code, "failed")
            if config.track.report_to:
                from assay.pipelines.analysis.tracking import track_run

                track_run(context)
        if code:
            raise typer.Exit(code)
