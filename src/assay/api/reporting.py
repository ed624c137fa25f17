"""What Python code sees while a run goes on: nothing, or progress bars, and warnings as Python's own."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm


class NullReporter:
    """A reporter (`core.ports.Reporter`) that says nothing."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None: ...

    @contextmanager
    def track(self, title: str, total: int) -> Iterator["NullReporter"]:
        yield self

    def advance(self, amount: int = 1, *, note: str = "") -> None: ...


class WarningReporter(NullReporter):
    """A reporter that says nothing but its warnings, which are Python's."""

    def warn(self, text: str) -> None:
        """Show a Python warning."""
        warnings.warn(text, stacklevel=2)


class ProgressReporter(WarningReporter):
    """A reporter with a progress bar per stage, as a widget in notebooks and as text elsewhere."""

    @contextmanager
    def track(self, title: str, total: int) -> Iterator["NullReporter"]:
        """Show a bar while the block runs."""
        with tqdm(total=total, desc=title, leave=False) as bar:
            yield _NotebookBar(bar)


class _NotebookBar(NullReporter):
    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(amount)


def choose_reporter(progress: bool | None) -> NullReporter:
    """Return a reporter for Python code; warnings are shown with and without bars.

    Args:
        progress: True = bars, False = none; None = bars in a notebook or a terminal.
    """
    if progress is None:
        progress = "ipykernel" in sys.modules or "marimo" in sys.modules or sys.stderr.isatty()
    return ProgressReporter() if progress else WarningReporter()
