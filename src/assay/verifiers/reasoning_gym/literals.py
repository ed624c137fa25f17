"""Parse lists as Python and JSON write them, without evaluating: numbers and quoted texts, in brackets of any kind."""

import re
from typing import Any

MAX_CHARS = 20_000  # characters
MAX_DEPTH = 6  # nested brackets
_TOKEN = re.compile(r"""\s*(?:([-+]?[0-9]+(?:\.[0-9]+)?)|'([^'\\\n]*)'|"([^"\\\n]*)"|([\[\](),]))""", re.ASCII)
_CLOSING = {"[": "]", "(": ")"}


class LiteralError(ValueError):
    """A text that is not a list of numbers and texts."""


def read_literal(text: str) -> Any:
    """Parse a list, tuple, number or quoted text; quoted texts hold no backslash.

    Returns:
        The value, with tuples as lists.

    Raises:
        LiteralError: The text is none of these.

    >>> read_literal("[[1, 'a'], (2.5,)]")
    [[1, 'a'], [2.5]]
    """
    if len(text) > MAX_CHARS:
        raise LiteralError(f"{len(text)} characters, at most {MAX_CHARS} are read")
    value, position = _parse_value(text.rstrip(), 0, 0)
    if position != len(text.rstrip()):
        raise LiteralError("something stands behind the list")
    return value


def _parse_value(text: str, position: int, depth: int) -> tuple[Any, int]:
    match = _TOKEN.match(text, position)
    if match is None or depth > MAX_DEPTH:
        raise LiteralError(f"{text[position : position + 10]!r} is neither a number, a text nor a list")
    number, single, double, mark = match.groups()
    if number is not None:
        return _parse_number(number), match.end()
    if mark is None:
        return single if single is not None else double, match.end()
    if mark not in _CLOSING:
        raise LiteralError(f"{mark!r} where a value should stand")
    return _parse_items(text, match.end(), _CLOSING[mark], depth + 1)


def _parse_number(text: str) -> int | float:
    if len(text) > 300:
        raise LiteralError(f"a number of {len(text)} characters")
    return float(text) if "." in text else int(text)


def _parse_items(text: str, position: int, closing: str, depth: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    while True:
        match = _TOKEN.match(text, position)
        if match is not None and match[4] == closing:
            return items, match.end()
        value, position = _parse_value(text, position, depth)
        items.append(value)
        match = _TOKEN.match(text, position)
        if match is None or match[4] not in (",", closing):
            raise LiteralError("values without a comma between them")
        position = match.end() if match[4] == "," else position
