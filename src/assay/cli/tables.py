"""Tables of one line a row that a page of any width holds: no column is lost, and no number is cut."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.markup import escape
from rich.table import Table
from rich.text import Text

SHORT = 12  # columns that a text keeps
FIGURES = 24  # columns up to which a text without a letter counts as figures, such as [0.41, 0.94] or 50/32/14/0
GAP, NARROW = 3, 2  # columns between two columns of a table
# how a page is fitted, the first that it holds: are texts cut, are heads broken at their blanks, what gap
WAYS = ((False, False, GAP), (False, False, NARROW), (True, False, GAP), (True, True, GAP), (True, True, NARROW))


def cents(value: float) -> str:
    """A fraction with two decimals, never -0.00.

    >>> cents(-0.001), cents(0.125)
    ('0.00', '0.12')
    """
    return f"{value:z.2f}"


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    fraction: Callable[[float], str] = cents,
    missing: str = "-",
) -> "Sheet":
    """Rows under their heads; numbers are right-aligned, those with a fraction as it tells them, and `missing` stands for None.

    Long texts are cut so that all columns fit the page; where they would not, heads break at their blanks, and what is left over follows
    below, behind the first column again.
    """
    made = []
    for place, name in enumerate(columns):
        given = [row[place] for row in rows]
        made.append(_Column(name, tuple(_told(cell, fraction, missing) for cell in given), _numeric(given)))
    return Sheet(title, tuple(made))


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    cells: tuple[str, ...]
    numeric: bool

    @property
    def body(self) -> int:
        """Columns of the page that the cells take."""
        return max(map(cell_len, self.cells), default=0)

    @property
    def figures(self) -> bool:
        return self.numeric or (
            self.body <= FIGURES and not any(letter.isalpha() for cell in self.cells for letter in cell)
        )

    def width(self, *, broken: bool) -> int:
        """Columns of the page that cells and head take."""
        return max(self.body, *map(cell_len, (self.head.split() or [""]) if broken else [self.head]))

    def least(self, *, broken: bool) -> int:
        """Columns that must stay: all of a number, SHORT of a text, and the head."""
        return (
            self.width(broken=broken)
            if self.figures
            else min(self.width(broken=broken), max(SHORT, self.width(broken=broken) - self.body))
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table before the page is known that it is printed on."""

    title: str
    columns: tuple[_Column, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        """The title, and the columns in as few blocks as the page's width allows."""
        if self.title:
            yield Text(self.title, style="bold")
        for number, (columns, widths, gap) in enumerate(_blocks(self.columns, options.max_width)):
            if number:
                yield Text("")
            yield _drawn(columns, widths, gap)


def _blocks(columns: tuple[_Column, ...], room: int) -> Iterator[tuple[tuple[_Column, ...], list[int], int]]:
    first, rest = columns[:1], columns[1:]
    while True:
        count = next((count for count in range(len(rest), 1, -1) if _fitted(first + rest[:count], room)), 1)
        block = first + rest[:count]
        widths, gap = _fitted(block, room) or ([column.least(broken=True) for column in block], NARROW)
        yield block, widths, gap
        rest = rest[count:]
        if not rest:
            return


def _fitted(columns: tuple[_Column, ...], room: int) -> tuple[list[int], int] | None:
    """Widths that the page holds, and the gap between them; None where it holds none. Longest texts give way first, numbers never."""
    for cut, broken, gap in WAYS:
        left = room - gap * (len(columns) - 1)
        widths = [column.width(broken=broken) for column in columns]
        least = [column.least(broken=broken) for column in columns] if cut else widths
        if sum(least) > left:
            continue
        widths = [min(width, left) for width in widths]
        while sum(widths) > left:
            width, place = max((width, place) for place, width in enumerate(widths) if width > least[place])
            widths[place] = width - 1
        return widths, gap
    return None


def _drawn(columns: tuple[_Column, ...], widths: list[int], gap: int) -> Table:
    made = Table(header_style="bold", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 2, 0, 1))
    for column, width in zip(columns, widths, strict=True):
        head = column.head if cell_len(column.head) <= width else column.head.replace(" ", "\n")
        made.add_column(
            escape(head),
            justify="right" if column.numeric else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
            vertical="bottom",
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*map(escape, cells))
    return made


def _numeric(cells: Sequence[Any]) -> bool:
    """Numbers alone, of which some may be missing."""
    given = [cell for cell in cells if cell is not None]
    return bool(given) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in given)


def _told(cell: Any, fraction: Callable[[float], str], missing: str) -> str:
    """A cell on one line, with a blank in the place of what a terminal would obey."""
    text = missing if cell is None else fraction(cell) if isinstance(cell, float) else str(cell)
    return "".join(letter if letter.isprintable() else " " for letter in text)
