"""Report on stderr: bars with rate and time left on a terminal, plain lines elsewhere. The terminal obeys no text."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from assay.cli.tables import build_table
from assay.core.display import escape_controls

LINE_EVERY_S = 10.0  # between plain lines
WIDTH = 120  # characters per line where the stream is no terminal


class ConsoleReporter:
    """`core.ports.Reporter` on a rich console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or open_console(stderr=True)

    def say(self, text: str) -> None:
        """Print one thing that happened; of several processes of one run only the first prints."""
        if os.environ.get("RANK", "0") == "0":
            self.console.print(text, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print one thing that the user should know."""
        self.console.print(Text.assemble(("warning:", "yellow"), f" {text}"), soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a small table."""
        self.console.print(build_table(title, columns, rows))

    @contextmanager
    def track(self, title: str, total: int) -> Iterator["_ConsoleBar | _Lines"]:
        """Count towards a total; nothing is shown for a total of 0."""
        if not self.console.is_terminal or total == 0:
            yield _Lines(self, title, total)
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(
            *columns, TextColumn("{task.fields[note]}", markup=False), console=self.console, transient=True
        ) as progress:
            yield _ConsoleBar(progress, progress.add_task(title, total=total, note=""))


class _ConsoleBar:
    def __init__(self, progress: Progress, task: Any) -> None:
        self.progress, self.task = progress, task

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.progress.update(self.task, advance=amount, note=note)


class _Lines:
    def __init__(self, reporter: ConsoleReporter, title: str, total: int) -> None:
        self.reporter, self.title, self.total, self.done = reporter, title, total, 0
        self.started_s = self.printed_s = time.monotonic()

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.done += amount
        now = time.monotonic()
        if now - self.printed_s < LINE_EVERY_S and self.done < self.total:
            return
        self.printed_s = now
        rate = self.done / max(now - self.started_s, 1e-9)
        time_left = f", {(self.total - self.done) / rate:.0f} s left" if self.done > 0 else ""
        note = f", {note}" if note else ""
        self.reporter.say(f"{self.title}: {self.done}/{self.total}, {rate:.1f}/s{time_left}{note}")


class SafeConsole(Console):
    """A console that escapes control sequences in every text as it is written; only its own reach the terminal."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(
            part if part.control else part._replace(text=escape_controls(part.text)) for part in buffer
        )


def open_console(*, stderr: bool = False) -> Console:
    """Return a console on stdout or stderr, WIDTH characters wide where that is no terminal."""
    console = SafeConsole(stderr=stderr, highlight=False)
    return console if console.is_terminal else SafeConsole(stderr=stderr, highlight=False, width=WIDTH)
