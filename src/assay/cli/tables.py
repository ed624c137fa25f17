"""Tables of one line per row that fit a page of any width: no column is lost, and no number is cut."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

ID = re.compile(r"[0-9a-f]{24}")  # is never cut, since half an id finds nothing
MIN_TEXT_WIDTH = 12  # characters that a text keeps
MAX_FIGURES_WIDTH = 24  # a text up to this width without a letter counts as figures: [0.41, 0.94] or 50/32/14/0
GAP, NARROW = 3, 2  # characters between two columns
# ways to fit a page, of which the first that fits is taken: whether texts are cut, whether heads break, the gap
FITS = ((False, False, GAP), (False, False, NARROW), (True, False, GAP), (True, True, GAP), (True, True, NARROW))


def format_fraction(value: float) -> str:
    """Return a fraction with two decimals, never -0.00.

    >>> format_fraction(-0.001), format_fraction(0.125)
    ('0.00', '0.12')
    """
    return f"{value:z.2f}"


def short_path(place: str) -> str:
    """Return a path relative to the working directory if it lies below it; other paths and addresses unchanged.

    >>> short_path("s3://bucket/lake"), short_path(str(Path.cwd() / ".assay" / "lake"))
    ('s3://bucket/lake', '.assay/lake')
    """
    path, here = Path(place), Path.cwd()
    return str(path.relative_to(here)) if path != here and path.is_relative_to(here) else place


def build_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    fraction: Callable[[float], str] = format_fraction,
    missing: str = "-",
) -> "FittedTable":
    """Build a table from rows; numbers are right-aligned.

    Long texts are cut so that all columns fit the page. Where they would not, heads break at their blanks, and the
    columns that are left over follow below, after the first column again.

    Args:
        title: printed above.
        columns: heads.
        rows: one cell per column.
        fraction: how a float is written.
        missing: stands for None.
    """
    fitted = []
    for i, name in enumerate(columns):
        cells = [row[i] for row in rows]
        fitted.append(_Column(name, tuple(_format_cell(cell, fraction, missing) for cell in cells), _is_numeric(cells)))
    return FittedTable(title, tuple(fitted))


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    cells: tuple[str, ...]
    numeric: bool

    @property
    def body(self) -> int:
        """Return the width of the cells."""
        return max(map(cell_len, self.cells), default=0)

    @property
    def figures(self) -> bool:
        if self.numeric or (self.cells and all(map(ID.fullmatch, self.cells))):
            return True
        return self.body <= MAX_FIGURES_WIDTH and not any(letter.isalpha() for cell in self.cells for letter in cell)

    def width(self, *, broken: bool) -> int:
        """Return the width of cells and head."""
        return max(self.body, *map(cell_len, (self.head.split() or [""]) if broken else [self.head]))

    def min_width(self, *, broken: bool) -> int:
        """Return the width that must stay: all of a number, MIN_TEXT_WIDTH of a text, and the head."""
        return (
            self.width(broken=broken)
            if self.figures
            else min(self.width(broken=broken), max(MIN_TEXT_WIDTH, self.width(broken=broken) - self.body))
        )


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A table that is fitted to the width of the page on which it is printed."""

    title: str
    columns: tuple[_Column, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        """Yield the title, and the columns in as few blocks as the page's width allows."""
        if self.title:
            yield Text(self.title, style="bold")
        for number, (columns, widths, gap) in enumerate(_split_blocks(self.columns, options.max_width)):
            if number:
                yield Text("")
            yield _draw_block(columns, widths, gap)


def _split_blocks(
    columns: tuple[_Column, ...], page_width: int
) -> Iterator[tuple[tuple[_Column, ...], list[int], int]]:
    first, rest = columns[:1], columns[1:]
    while True:
        count = next((count for count in range(len(rest), 1, -1) if _fit_widths(first + rest[:count], page_width)), 1)
        block = first + rest[:count]
        widths, gap = _fit_widths(block, page_width) or ([column.min_width(broken=True) for column in block], NARROW)
        yield block, widths, gap
        rest = rest[count:]
        if not rest:
            return


def _fit_widths(columns: tuple[_Column, ...], page_width: int) -> tuple[list[int], int] | None:
    """Return widths that fit the page, and the gap between them; None where none do.

    The widest texts are cut first, numbers never.
    """
    for texts_cut, broken, gap in FITS:
        free = page_width - gap * (len(columns) - 1)
        widths = [column.width(broken=broken) for column in columns]
        minima = [column.min_width(broken=broken) for column in columns] if texts_cut else widths
        if sum(minima) > free:
            continue
        widths = [min(width, free) for width in widths]
        while sum(widths) > free:
            width, i = max((width, i) for i, width in enumerate(widths) if width > minima[i])
            widths[i] = width - 1
        return widths, gap
    return None


def _draw_block(columns: tuple[_Column, ...], widths: list[int], gap: int) -> Table:
    grid = Table(header_style="bold", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 2, 0, 1))
    for column, width in zip(columns, widths, strict=True):
        head = column.head if cell_len(column.head) <= width else column.head.replace(" ", "\n")
        grid.add_column(
            Text(head),
            justify="right" if column.numeric else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
            vertical="bottom",
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        grid.add_row(*map(Text, cells))  # no markup: escaping would lose the backslash of a formula's \\[
    return grid


def _is_numeric(cells: Sequence[Any]) -> bool:
    """Return whether all cells are numbers, of which some may be missing."""
    present = [cell for cell in cells if cell is not None]
    return bool(present) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in present)


def _format_cell(cell: Any, fraction: Callable[[float], str], missing: str) -> str:
    """Return a cell on one line, with a blank in the place of each character that a terminal would obey."""
    text = missing if cell is None else fraction(cell) if isinstance(cell, float) else str(cell)
    return "".join(letter if letter.isprintable() else " " for letter in text)
