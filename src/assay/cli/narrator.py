"""Narration on stderr: bars with rate and time left on a terminal, plain lines elsewhere."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

LINE_EVERY_S = 10.0  # plain lines
WIDTH, LONG = 120, 40  # columns of a page where stdout is no terminal; a wider text gives way
SHORT, GAP = 12, 3  # columns that a text keeps; between two columns of a table


class Voice:
    """`core.ports.Narrator` on a rich console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:  # of several processes of one run, the first speaks
        """One thing that happened."""
        if os.environ.get("RANK", "0") == "0":
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
    """Stdout; WIDTH columns where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A rich table of one line a row: numbers are right-aligned, long texts are cut so that all columns fit a page."""
    head = Text(title, no_wrap=True, overflow="ignore", style="bold")  # a title may be longer than its table is wide
    made = Table(title=head, title_justify="left", header_style="bold", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    cells = [[f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]
    long = [width for width in widths if width > LONG]
    room = max(LONG // 2, (WIDTH - sum(widths) + sum(long) - 3 * len(widths)) // max(len(long), 1))
    least = [width if _numeric(rows, place) else max(SHORT, len(name)) for place, (name, width) in enumerate(zip(columns, widths, strict=True))]
    widths = _fitted([min(width, room) if width > LONG else width for width in widths], least)
    for place, name in enumerate(columns):
        made.add_column(name, justify="right" if _numeric(rows, place) else "left", no_wrap=True, overflow="ellipsis", min_width=widths[place])
    for row in cells:
        made.add_row(*(escape(_cut(cell, width)) for cell, width in zip(row, widths, strict=True)))
    return made


def _numeric(rows: Sequence[Sequence[Any]], place: int) -> bool:
    return bool(rows) and all(isinstance(row[place], int | float) for row in rows)


def _fitted(widths: list[int], least: list[int]) -> list[int]:
    """Widths that a page holds: the widest column above its least gives way first. Numbers never do: a cut number is another number."""
    while sum(widths) + GAP * (len(widths) - 1) > WIDTH:
        above = [(width, place) for place, width in enumerate(widths) if width > least[place]]
        if not above:
            break
        width, place = max(above)
        widths[place] = width - 1
    return widths


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
