"""Charts as SVG texts: stacked bars and lines, without a library, for a page, an `<img>` and print.

Colours are CSS variables with a default, so that a page may set its own; every bar and point has its numbers as a
tooltip.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import cycle

WIDTH, HEIGHT = 640, 260  # of the view box; a page scales it
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 46, 44  # margins
# Of stacks.
COLOURS = ("var(--first, #1f77a4)", "var(--second, #c3ccd4)", "var(--third, #d9822b)", "var(--fourth, #6a4c93)")
STROKES = (COLOURS[0], COLOURS[2], COLOURS[3])  # of lines; the pale colour would be invisible
INK, FAINT, GROUND = "var(--ink, #22303c)", "var(--faint, #dfe5ea)", "var(--ground, #ffffff)"
TICKS = 4
# Heights of a chart, times a power of ten: always, and only if they give whole ticks.
ROUND_HEIGHTS, FINER_HEIGHTS = (1, 2, 4, 6, 8, 10), (1.2, 1.6, 2.4, 3.2)


def draw_bars(
    title: str, labels: Sequence[str], stacks: Mapping[str, Sequence[float]], *, x: str, y: str, legend: bool = True
) -> str:
    """Draw one bar per label, each the sum of its stacks, the first stack at the bottom.

    Args:
        title: title of the chart.
        labels: names of the bars.
        stacks: name of each stack, with one number per label.
        x: name of the x axis.
        y: name of the y axis.
        legend: draw the stacks' names with their colours.

    Raises:
        ValueError: a stack does not have one number per label.
    """
    for name, values in stacks.items():
        if len(values) != len(labels):
            raise ValueError(f"{len(values)} numbers of {name!r} for {len(labels)} labels")
    top = _round_up(max((sum(column) for column in zip(*stacks.values(), strict=True)), default=0.0))
    step = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    elements = []
    for place, label in enumerate(labels):
        left, below = LEFT + place * step + step * 0.1, 0.0
        for number, (name, values) in enumerate(stacks.items()):
            colour, tooltip = COLOURS[number % len(COLOURS)], f"{label}: {_format_number(values[place])} {name}"
            elements.append(_bar(left, step * 0.8, below, values[place], top, colour, tooltip))
            below += values[place]
        elements.append(
            _text(left + step * 0.4, HEIGHT - BOTTOM + 15, label, "middle", of="tick odd" if place % 2 else "tick")
        )
    return _chart(
        title, [*_grid(0.0, top), *elements], dict(zip(stacks, cycle(COLOURS), strict=False)) if legend else {}, x, y
    )


def draw_lines(
    title: str, series: Mapping[str, Sequence[tuple[float, float]]], *, x: str, y: str, legend: bool = True
) -> str:
    """Draw one line per series of (x, y) points, x ascending; points that are not finite are left out."""
    clean = {name: [point for point in points if all(map(math.isfinite, point))] for name, points in series.items()}
    points = [point for line in clean.values() for point in line] or [(0.0, 0.0)]
    first, last = min(point[0] for point in points), max(point[0] for point in points)
    low, high = min(0.0, min(point[1] for point in points)), _round_up(max(point[1] for point in points))
    elements = []
    for number, (name, line) in enumerate(clean.items()):
        positions = [(_x_position(position, first, last), _y_position(value, low, high)) for position, value in line]
        colour, path = STROKES[number % len(STROKES)], " ".join(f"{left:.1f},{top:.1f}" for left, top in positions)
        elements.append(f'<polyline points="{path}" style="fill:none;stroke:{colour};stroke-width:2"/>')
        elements += [
            _dot(left, top, colour, f"{x} {_format_number(position)}: {_format_number(value)} {name}")
            for (left, top), (position, value) in zip(positions, line, strict=True)
        ]
    ends = [
        _text(LEFT, HEIGHT - BOTTOM + 15, _format_number(first), "start", of="tick"),
        _text(WIDTH - RIGHT, HEIGHT - BOTTOM + 15, _format_number(last), "end", of="tick"),
    ]
    names = dict(zip(series, cycle(STROKES), strict=False)) if legend else {}
    return _chart(title, [*_grid(low, high), *elements, *ends], names, x, y)


def draw_difficulty(bins: Sequence[str], problems: Sequence[int], kept: Sequence[int], policy: str) -> str:
    """Draw the difficulty histogram: problems by share solved, selected ones at the bottom and the others above."""
    others = [count - n_selected for count, n_selected in zip(problems, kept, strict=True)]
    return draw_bars(
        f"How hard the problems are for {policy}",
        bins,
        {"selected": kept, "others": others},
        x="share of attempts solved",
        y="problems",
    )


def encode_data_uri(svg: str) -> str:
    """Encode a chart as an address that an `<img>` shows: `data:image/svg+xml;base64,...`."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _chart(title: str, elements: Sequence[str], names: Mapping[str, str], x: str, y: str) -> str:
    style = f"font:12px system-ui,sans-serif;fill:{INK}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" style="{style}">'
    )
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" style="fill:{GROUND}"/>'
    heading = _text(LEFT, 16, title, "start", "font-weight:600;font-size:13px", of="title")
    axes = [
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x, "middle", "opacity:.7", of="axis"),
        _text(LEFT, TOP - 10, y, "start", "opacity:.7"),
    ]
    return "\n".join([head, ground, heading, *axes, *elements, *_legend(names), "</svg>"])


def _legend(names: Mapping[str, str]) -> list[str]:
    """Draw names with their colours, right-aligned; nothing for a single name, which the title already says."""
    if len(names) < 2:
        return []
    elements, right = [], float(WIDTH - RIGHT)
    for name, colour in reversed(list(names.items())):
        right -= 7 * len(name)
        elements.append(_text(right, TOP - 10, name, "start"))
        right -= 14
        elements.append(f'<rect x="{right:.1f}" y="{TOP - 20}" width="10" height="10" rx="2" style="fill:{colour}"/>')
        right -= 12
    return elements


def _grid(low: float, high: float) -> list[str]:
    elements = []
    for tick in range(TICKS + 1):
        value = low + (high - low) * tick / TICKS
        top = _y_position(value, low, high)
        elements.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top:.1f}" y2="{top:.1f}" style="stroke:{FAINT}"/>'
        )
        elements.append(_text(LEFT - 6, top + 4, _format_number(value), "end", "opacity:.7"))
    return elements


def _bar(left: float, width: float, below: float, value: float, top: float, colour: str, tooltip: str) -> str:
    if value <= 0:
        return ""
    high, low = _y_position(below + value, 0.0, top), _y_position(below, 0.0, top)
    place = f'x="{left:.1f}" y="{high:.1f}" width="{width:.1f}" height="{low - high:.1f}"'
    return f'<rect {place} style="fill:{colour}"><title>{escape(tooltip)}</title></rect>'


def _dot(left: float, top: float, colour: str, tooltip: str) -> str:
    return (
        f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" style="fill:{colour}"><title>{escape(tooltip)}</title></circle>'
    )


def _text(x: float, y: float, text: str, anchor: str, style: str = "", *, of: str = "") -> str:
    css_class = f' class="{of}"' if of else ""  # for a page's own style: what a small screen has no room for
    return f'<text{css_class} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{style}">{escape(text)}</text>'


def _x_position(value: float, first: float, last: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * ((value - first) / (last - first) if last > first else 0.5)


def _y_position(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)


def _round_up(value: float) -> float:
    """Return the smallest round height that is not below a value: of `ROUND_HEIGHTS` times a power of ten, or of
    `FINER_HEIGHTS` if its ticks are whole; 1 for values that are not above 0.

    >>> [_round_up(value) for value in (0, 0.3, 3, 7, 23, 100, 114)]
    [1.0, 0.4, 4.0, 8.0, 24.0, 100.0, 120.0]
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    finer = [height * power for height in FINER_HEIGHTS if round(height * power, 9) % TICKS == 0]
    heights = sorted([*(height * power for height in ROUND_HEIGHTS), *finer])
    return float(next(round(height, 12) for height in heights if height >= value * (1 - 1e-9)))


def _format_number(value: float) -> str:
    """Write a number as short as it can be read.

    >>> _format_number(0.25), _format_number(12000), _format_number(3.0)
    ('0.25', '12,000', '3')
    """
    return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"
