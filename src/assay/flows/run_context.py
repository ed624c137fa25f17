"""What a flow works on: a plan named by its path, its lake, and the run that the command line or the flow itself has opened."""

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
        """The plan that they name.

        Raises:
            ConfigError: as `read_plan`.
        """
        made = read_config(Path(self.config), self.overrides)
        return made.model_copy(update={"lake": self.lake}) if self.lake else made

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
def handed(run: FlowRun) -> Iterator[FlowRun]:
    """A flow that is called inside works on this run, instead of opening one."""
    given = [run]
    token = _HANDED.set(given)
    try:
        yield run
    finally:
        given.clear()  # threads that Prefect keeps hold copies of the context, and must not hold the lake
        _HANDED.reset(token)


@contextmanager
def heeding(run: FlowRun) -> Iterator[None]:
    """SIGTERM is the command line's, which lets what has arrived be committed; Prefect's own handler raises wherever it finds the run."""
    if not callable(run.at_sigterm) or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, run.at_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def present() -> FlowRun:
    """The run that the calling flow works on."""
    (run,) = _HANDED.get()
    return run


@contextmanager
def at_work(call: FlowCall, command: str, *, upto: str = "") -> Iterator[FlowRun]:
    """The run that was handed over; otherwise a new one, whose start and end are rows in `runs`. What is raised inside is kept in it, too.

    Raises:
        ConfigError, LakeError: the plan, its files, its model or its lake is not as it must be; nothing was written.
    """
    if given := _HANDED.get([]):
        with _keeping(given[0]), _logged(given[0].context), heeding(given[0]):
            yield given[0]
        return
    config = call.read()
    try:
        with run_context(config, PrefectReporter(config=config.name), command=command, upto=upto) as context:
            run = FlowRun(context, call)
            with _keeping(run), handed(run):
                yield run
            if run.missing or run.lacks:
                context.outcome = "partly" if run.missing else "failed"
    finally:
        flush()


@contextmanager
def _logged(context: RunContext) -> Iterator[None]:
    """What the run says goes into the flow run's log, too."""
    voice, context.reporter = context.reporter, PrefectReporter(context.reporter, context.config.name)
    try:
        yield
    finally:
        context.reporter = voice


@contextmanager
def _keeping(run: FlowRun) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        run.error = error
        raise


class PrefectReporter:
    """A reporter (`core.ports.Reporter`) that speaks into the log of the flow run, and to another one, if there is one."""

    def __init__(self, beside: Reporter | None = None, config: str = "") -> None:
        self.beside, self.config = beside, config

    def say(self, text: str) -> None:
        """One thing that happened."""
        _logger().info("%s", escape_controls(text))
        if self.beside:
            self.beside.say(text)

    def warn(self, text: str) -> None:
        """One thing that the user should know."""
        _logger().warning("%s", escape_controls(text))
        if self.beside:
            self.beside.warn(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A small table."""
        lines = [" | ".join(map(str, row)) for row in (columns, *rows)]
        _logger().info("%s", escape_controls("\n".join([title, *lines])))
        if self.beside:
            self.beside.table(title, columns, rows)

    @contextmanager
    def track(self, title: str, total: int) -> Iterator[Progress]:
        """Counts towards a total, which the UI shows once it takes long."""
        progress = ProgressArtifact(self.config, title, total, self.warn)
        if self.beside:
            with self.beside.track(title, total) as ticker:
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
    """The log of the task or flow run at work; a plain logger where none is."""
    import logging

    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("assay")
