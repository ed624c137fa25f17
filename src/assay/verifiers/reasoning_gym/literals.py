"""Lists as Python and JSON write them, read without evaluating: numbers and quoted texts, in brackets of any kind."""

import re
from typing import Any

LONGEST = 20_000  # characters
DEEPEST = 6  # nested brackets
_TOKEN = re.compile(r"""\s*(?:([-+]?[0-9]+(?:\.[0-9]+)?)|'([^'\\\n]*)'|"([^"\\\n]*)"|([\[\](),]))""", re.ASCII)
_CLOSES = {"[": "]", "(": ")"}


class NoLiteral(ValueError):
    """A text that is no list of numbers and texts."""


def read_literal(text: str) -> Any:
    """A list, tuple, number or quoted text; texts hold no backslash.

    Raises:
        NoLiteral: it is none.

    >>> read_literal("[[1, 'a'], (2.5,)]")
    [[1, 'a'], [2.5]]
    """
    if len(text) > LONGEST:
        raise NoLiteral(f"{len(text)} characters, at most {LONGEST} are read")
    value, at = _value(text.rstrip(), 0, 0)
    if at != len(text.rstrip()):
        raise NoLiteral("something stands behind the list")
    return value


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    match = _TOKEN.match(text, at)
    if match is None or depth > DEEPEST:
        raise NoLiteral(f"{text[at : at + 10]!r} is neither a number, a text nor a list")
    number, single, double, mark = match.groups()
    if number is not None:
        return _number(number), match.end()
    if mark is None:
        return single if single is not None else double, match.end()
    if mark not in _CLOSES:
        raise NoLiteral(f"{mark!r} where a value should stand")
    return _items(text, match.end(), _CLOSES[mark], depth + 1)


def _number(text: str) -> int | float:
    if len(text) > 300:
        raise NoLiteral(f"a number of {len(text)} characters")
    return float(text) if "." in text else int(text)


def _items(text: str, at: int, closing: str, depth: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    while True:
        match = _TOKEN.match(text, at)
        if match is not None and match[4] == closing:
            return items, match.end()
        value, at = _value(text, at, depth)
        items.append(value)
        match = _TOKEN.match(text, at)
        if match is None or match[4] not in (",", closing):
            raise NoLiteral("values without a comma between them")
        at = match.end() if match[4] == "," else at
