"""What a flow works on: a config by its path, its lake, and the run that the command line or the flow opened."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core.config import Config, read_config
from assay.core.display import escape_controls
from assay.core.ports import Progress, Reporter
from assay.flows.prefect_adapter import flush
from assay.flows.progress import ProgressArtifact
from assay.pipelines.analysis.empty_result import Shortfall
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.open_run import run_context


@dataclass(frozen=True, slots=True)
class FlowCall:
    """The parameters of a flow and of each of its tasks: names and paths, nothing else."""

    config: str  # path
    lake: str | None = None
    overrides: tuple[str, ...] = ()

    def read(self) -> Config:
        """Read the config that they name.

        Raises:
            ConfigError: as `core.config.read_config`.
        """
        config = read_config(Path(self.config), self.overrides)
        return config.model_copy(update={"lake": self.lake}) if self.lake else config

    @property
    def parameters(self) -> dict[str, Any]:
        return {"config": self.config, "lake": self.lake, "overrides": list(self.overrides)}


@dataclass(slots=True)
class FlowRun:
    """One run of a flow."""

    context: RunContext
    call: FlowCall
    results: StageResults = field(default_factory=StageResults)  # of the stages that it has come to, in their order
    missing: list[str] = field(default_factory=list)  # what is not done, a sentence each
    lacks: Shortfall = field(default_factory=Shortfall)  # what a run that went through brought nothing of
    board: Any = None  # of the shards under way
    error: BaseException | None = None  # what ended the flow early, as it was raised
    at_sigterm: Any = None  # what the command line does then
    rounds: list[Any] = field(default_factory=list)  # of the loop, that are done
    told: Any = None  # for the command line, once everything is done


_HANDED: ContextVar[list[FlowRun]] = ContextVar("handed")


@contextmanager
def hand_over(run: FlowRun) -> Iterator[FlowRun]:
    """Let a flow that is called inside the block work on this run, instead of opening one."""
    runs = [run]
    token = _HANDED.set(runs)
    try:
        yield run
    finally:
        runs.clear()  # threads that Prefect keeps hold copies of the context, and must not hold the lake
        _HANDED.reset(token)


@contextmanager
def keep_sigterm(run: FlowRun) -> Iterator[None]:
    """Leave SIGTERM to the command line's handler, which lets what has arrived be committed.

    Prefect's own handler would raise at whatever place the run is.
    """
    if not callable(run.at_sigterm) or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, run.at_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def current_run() -> FlowRun:
    """Return the run that the calling flow works on."""
    (run,) = _HANDED.get()
    return run


@contextmanager
def open_flow_run(call: FlowCall, command: str, *, upto: str = "") -> Iterator[FlowRun]:
    """Yield the run that was handed over, otherwise a new one, whose start and end are rows in `runs`.

    An error inside is kept in the run too.

    Raises:
        ConfigError: the config, its files or its model is wrong; nothing was written.
        LakeError: the lake cannot be opened; nothing was written.
    """
    if runs := _HANDED.get([]):
        with _keeping(runs[0]), _logged(runs[0].context), keep_sigterm(runs[0]):
            yield runs[0]
        return
    config = call.read()
    try:
        with run_context(config, PrefectReporter(config=config.name), command=command, upto=upto) as context:
            run = FlowRun(context, call)
            with _keeping(run), hand_over(run):
                yield run
            if run.missing or run.lacks:
                context.outcome = "partly" if run.missing else "failed"
    finally:
        flush()


@contextmanager
def _logged(context: RunContext) -> Iterator[None]:
    """Also send what the run reports to the flow run's log."""
    reporter, context.reporter = context.reporter, PrefectReporter(context.reporter, context.config.name)
    try:
        yield
    finally:
        context.reporter = reporter


@contextmanager
def _keeping(run: FlowRun) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        run.error = error
        raise


class PrefectReporter:
    """A reporter (`core.ports.Reporter`) that writes to the log of the flow run, and passes all on to another."""

    def __init__(self, other: Reporter | None = None, config: str = "") -> None:
        self.other, self.config = other, config

    def say(self, text: str) -> None:
        """Report one thing that happened."""
        _logger().info("%s", escape_controls(text))
        if self.other:
            self.other.say(text)

    def warn(self, text: str) -> None:
        """Report one thing that the user should know."""
        _logger().warning("%s", escape_controls(text))
        if self.other:
            self.other.warn(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Report a small table."""
        lines = [" | ".join(map(str, row)) for row in (columns, *rows)]
        _logger().info("%s", escape_controls("\n".join([title, *lines])))
        if self.other:
            self.other.table(title, columns, rows)

    @contextmanager
    def track(self, title: str, total: int) -> Iterator[Progress]:
        """Count towards a total, which the UI shows once it takes long."""
        progress = ProgressArtifact(self.config, title, total, self.warn)
        if self.other:
            with self.other.track(title, total) as ticker:
                yield _BothReporters(ticker, progress)
        else:
            yield progress
        progress.end()


class _BothReporters:
    def __init__(self, *tickers: Progress) -> None:
        self.tickers = tickers

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        for ticker in self.tickers:
            ticker.advance(amount, note=note)


def _logger() -> Any:
    """Return the log of the current task or flow run; a plain logger where there is none."""
    import logging

    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("assay")
