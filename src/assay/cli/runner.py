"""Arguments in, a plan out: what every command shares. Exit codes: 0 done, 1 failed, 2 usage, 3 partly done (run it again),
4 nothing to train on, or a source of which nothing is left."""

import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.core.config import Config, read_config
from assay.core.display import escape_controls
from assay.core.errors import ConfigError, EngineError, EvidenceError, LakeError, Stopped, TrainingError

DONE, FAILED, USAGE, PARTLY, NOTHING = 0, 1, 2, 3, 4

ConfigPath = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, a TOML file.", show_default=False)]
LakeDir = Annotated[
    str,
    typer.Option(
        "--lake", metavar="DIR", help="The lake's folder or s3:// address, in place of the plan's.", show_default=False
    ),
]
AnyLake = Annotated[str, typer.Option("--lake", metavar="DIR", help="The lake's folder or s3:// address.")]
Sets = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Overrides one key of the plan: select.budget=50.", show_default=False
    ),
]
Flow = Annotated[bool, typer.Option("--flow", help="Run as a Prefect flow.")]
RetryRefused = Annotated[bool, typer.Option("--retry-refused", help="Ask again for what a server refused before.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="One machine-readable summary on stdout; narration stays on stderr.")
]


GRACE_S = 10  # an engine that is asked to stop may finish what it is at for so long, then it is cut


class StopSignal:
    """Set by the first SIGINT, SIGTERM or SIGUSR1 (a scheduler's warning); the second one interrupts at once.

    An engine, a filter or a source that does not come back within GRACE_S is left where it stands, and what had arrived is committed.
    """

    def __init__(self) -> None:
        self.asked = False
        self.waiting: Callable[[], bool] = lambda: False  # whether the run is inside the engine, where it may be cut

    def __call__(self) -> bool:
        return self.asked

    def _ask(self, number: int, _frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        signal.alarm(GRACE_S)
        print(f"{signal.Signals(number).name}: committing what has arrived (again to stop at once)", file=sys.stderr)  # noqa: T201

    def _cut(self, _number: int, _frame: object) -> None:
        signal.alarm(1)  # again: a part that catches everything has not heard
        if self.waiting():  # else rows are being written, or judged: never in between
            raise Stopped(f"asked to stop; what was not there {GRACE_S} s later is left, the rest is committed")

    @contextmanager
    def listening(self) -> Iterator["StopSignal"]:
        """Takes the signals over, and gives them back."""
        before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
        }
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._cut)
        try:
            yield self
        finally:
            signal.alarm(0)
            for number, old in before.items():
                signal.signal(number, old)


def load(path: Path, lake: str, sets: list[str]) -> Config:
    """The plan after the command line's say."""
    config = read_config(path, sets)
    return config.model_copy(update={"lake": lake}) if lake else config


def retrying(context: Any, retry_refused: bool) -> Any:
    """The run itself, told whether to ask again for what was refused."""
    context.retry_refused = retry_refused
    return context


def emit(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=1, default=str, allow_nan=False) + "\n")


@contextmanager
def exits(voice: ConsoleReporter) -> Iterator[None]:
    """Turns errors into one line and an exit code; what nobody foresaw keeps its traceback, in which nothing is obeyed by a terminal."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except ConfigError as error:
        voice.console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(USAGE) from error
    except (LakeError, EngineError, EvidenceError, TrainingError) as error:
        voice.console.print(f"failed: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(FAILED) from error
    except (Stopped, KeyboardInterrupt) as error:
        voice.console.print(
            f"stopped: {str(error) or 'interrupted'}; the same command goes on from here", markup=False, soft_wrap=True
        )
        raise typer.Exit(PARTLY) from error
    except Exception as error:
        sys.stderr.write(escape_controls(traceback.format_exc()))
        raise typer.Exit(FAILED) from error


def flowing(
    name: str, made: Config, path: Path, lake: str, sets: list[str], voice: ConsoleReporter
) -> Callable[[Any], Any] | None:
    """The flow of this name as what is done with a run; None where the plan goes on without a server that does not answer.

    Raises:
        ConfigError: an extra is not installed, or no server answers.
    """
    from importlib import import_module

    from assay.flows import runners, server
    from assay.flows.run_context import FlowCall

    runners.check(made.flow)
    if not server.answers(made.flow, voice):
        return None
    call = FlowCall(str(path), lake or None, tuple(sets))
    return lambda context: server.through(getattr(import_module(f"assay.flows.{name}"), name), context, call)


def with_context(
    config: Config, command: str, body: Callable[[Any], int], voice: ConsoleReporter, *, upto: str
) -> None:
    """Opens the plan's lake and runs the body as one run, whose start and end are rows in `runs`.

    Everything that can be wrong with the plan, its files, its model and its lake is found before the first row is written.
    """
    from assay.cli.environment import one_faiss
    from assay.pipelines.runner.open_run import run_context

    with exits(voice):
        one_faiss()
    with exits(voice), StopSignal().listening() as stop:

        def may_be_cut(context: Any) -> None:
            stop.waiting = lambda: context.meter.waiting

        with run_context(config, voice, command=command, upto=upto, stop=stop, on_open=may_be_cut) as context:
            code = body(context)
            context.outcome = {DONE: "done", PARTLY: "partly"}.get(code, "failed")
        if code:
            raise typer.Exit(code)
