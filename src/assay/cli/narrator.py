"""Narration on stderr: bars with rate and time left on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

LINE_EVERY_S = 10.0  # plain lines


class Voice:
    """`core.ports.Narrator` on a rich console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """One thing that happened."""
        self.console.print(escape(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """One thing that the user should know."""
        self.console.print(f"[yellow]warning:[/] {escape(text)}", soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A small table."""
        self.console.print(table(title, columns, rows))

    @contextmanager
    def track(self, title: str, total: int) -> Iterator["_Bar | _Lines"]:
        """Counts towards a total; nothing is shown for a total of 0."""
        if not self.console.is_terminal or total == 0:
            yield _Lines(self, title, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console, transient=True) as progress:
            yield _Bar(progress, progress.add_task(title, total=total, note=""))


class _Bar:
    def __init__(self, progress: Progress, task: Any) -> None:
        self.progress, self.task = progress, task

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.progress.update(self.task, advance=amount, note=note)


class _Lines:
    def __init__(self, voice: Voice, title: str, total: int) -> None:
        self.voice, self.title, self.total, self.done = voice, title, total, 0
        self.began = self.told = time.monotonic()

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.done += amount
        now = time.monotonic()
        if now - self.told < LINE_EVERY_S and self.done < self.total:
            return
        self.told = now
        rate = self.done / max(now - self.began, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        note = f", {note}" if note else ""
        self.voice.say(f"{self.title}: {self.done}/{self.total}, {rate:.1f}/s, {left:.0f} s left{note}")


def page() -> Console:
    """Stdout; 120 columns where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A rich table; numbers are right-aligned."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        widest = max((len(str(row[place])) for row in rows), default=0)
        fixed = max(len(name), min(widest, 40)) if numeric or widest <= 40 else None
        made.add_column(name, justify="right" if numeric else "left", overflow="ellipsis", no_wrap=True, min_width=fixed)
    for row in rows:
        made.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else escape(str(cell)) for cell in row))
    return made
