"""Brackets of a formula: where one closes, and cutting at what stands outside all of them."""

import re

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_STEP = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)


def closing(text: str, start: int) -> int:
    """The index behind the bracket that closes the one at `start`, of whatever shape (`[1,2)` is an interval); -1 where none does.

    >>> closing("f(x(y))z", 1)
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
    """The parts of a text between the matches of `separator` that stand in no bracket.

    >>> split_outside("(1,2), 3", re.compile(","))
    ['(1,2)', ' 3']
    """
    if separator.search(text) is None:
        return [text]
    parts, begin, at, level = [], 0, 0, 0
    while at < len(text):
        if level == 0 and (match := separator.match(text, at)) and match.end() > at:
            parts.append(text[begin:at])
            begin = at = match.end()
            continue
        step = _STEP.match(text, at)
        mark = step.group() if step else text[at]
        mark = mark.removeprefix("\\") if mark in (r"\{", r"\}") else mark
        level = max(0, level + (mark in _PAIRS) - (mark in _PAIRS.values()))
        at = step.end() if step else at + 1
    return [*parts, text[begin:]]
