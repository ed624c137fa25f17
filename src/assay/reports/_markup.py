"""The pieces of a page: cards, tiles, and the style sheet.

Every text is escaped here, because problems hold whatever their authors wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

MAX_CELL = 240  # characters; more is cut, because a problem may have a megabyte
STYLE = """
:root { color-scheme: light dark; --ink: #22303c; --faint: #dfe5ea; --ground: transparent; --paper: #f4f6f8;
        --card: #ffffff; --soft: #5c6b78;
        --first: #1f77a4; --second: #c3ccd4; --third: #d9822b; --fourth: #6a4c93; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eaf0; --faint: #33414d; --paper: #12181e; --card: #1b242c;
        --soft: #9aa9b6;
        --first: #4aa8d8; --second: #53626f; --third: #f0a35a; --fourth: #a98fd0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
        font: 15px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 10px; } p { margin: 0 0 10px; }
        .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 18px 0; }
.tile, section { background: var(--card); border: 1px solid var(--faint); border-radius: 10px; }
.tile { padding: 12px 16px; } .tile b { display: block; font-size: 23px; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
section { padding: 18px 20px; margin: 14px 0; overflow-x: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 20px; }
svg { width: 100%; max-width: 660px; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; } th { text-align: left; color: var(--soft);
        font-weight: 600; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--faint); vertical-align: top;
        overflow-wrap: anywhere; }
th.n, td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        tr:last-child td { border-bottom: 0; }
code { font-size: 12.5px; }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Markup:
    """Text that is HTML already and is not escaped."""

    text: str


def document(title: str, body: Sequence[str]) -> str:
    """Build a whole page that loads nothing: no script, no font, no picture."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head>',
            head,
            f"<title>{escape(title)}</title><style>{STYLE}</style></head>",
            "<body><main>",
            *body,
            "</main></body></html>",
            "",
        ]
    )


def section(title: str, *pieces: str) -> str:
    """Build a card with a heading; "" if it would be empty."""
    inner = "\n".join(piece for piece in pieces if piece)
    return f"<section><h2>{escape(title)}</h2>\n{inner}</section>" if inner else ""


def tiles(counts: Sequence[tuple[str, Any]]) -> str:
    """Build tiles: large numbers, each with its name."""
    tile = '<div class="tile"><b>{}</b><span>{}</span></div>'
    return (
        '<div class="tiles">'
        + "".join(tile.format(render_value(value), escape(name)) for name, value in counts)
        + "</div>"
    )


def paragraph(text: str) -> str:
    """Build a paragraph in a soft colour."""
    return f'<p class="soft">{escape(text)}</p>'


def render_value(value: Any) -> str:
    """Write a value as HTML: numbers short, texts on one line and cut at `MAX_CELL`, None as a dash."""
    if isinstance(value, Markup):
        return value.text
    if value is None:
        return "&ndash;"
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = " ".join(str(value)[: 4 * MAX_CELL].split())
        return escape(text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…")
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
