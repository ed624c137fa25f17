"""Find where a bracket of a formula closes, and split a formula outside of all brackets."""

import re

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_STEP = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)


def find_closing(text: str, start: int) -> int:
    """Return the index after the bracket that closes the one at `start`; -1 where none does.

    Any closing bracket counts, since `[1,2)` is an interval.

    >>> find_closing("f(x(y))z", 1)
    7
    """
    level = 0
    for match in _STEP.finditer(text, start):
        mark = match.group().removeprefix("\\") if match.group() in (r"\{", r"\}") else match.group()
        level += (mark in _PAIRS) - (mark in _PAIRS.values())
        if level == 0:
            return match.end()
    return -1


def split_outside(text: str, separator: re.Pattern[str]) -> list[str]:
    """Split a text at the matches of `separator` that lie outside of all brackets.

    >>> split_outside("(1,2), 3", re.compile(","))
    ['(1,2)', ' 3']
    """
    if separator.search(text) is None:
        return [text]
    parts, begin, position, level = [], 0, 0, 0
    while position < len(text):
        if level == 0 and (match := separator.match(text, position)) and match.end() > position:
            parts.append(text[begin:position])
            begin = position = match.end()
            continue
        step = _STEP.match(text, position)
        mark = step.group() if step else text[position]
        mark = mark.removeprefix("\\") if mark in (r"\{", r"\}") else mark
        level = max(0, level + (mark in _PAIRS) - (mark in _PAIRS.values()))
        position = step.end() if step else position + 1
    return [*parts, text[begin:]]
