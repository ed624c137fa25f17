"""Recognise text that could not act even if it were evaluated: no call, subscript, quotation, assignment or import."""

import re

_PLAIN = re.compile(r"[^\W_]*(?:[\s.,;:+\-*/^%$|<>?#°×÷−→_]+[^\W_]*)*")  # letters and digits of any script, and these
_ACTIVE = re.compile(
    r"__|\b(?:import|from|del|for|with|as|class|def|lambda|global|nonlocal|async|await|match|try|exec|eval|print)\b",
    re.IGNORECASE,
)


def is_inert(text: str) -> bool:
    """Return whether a text consists of numbers, words and a few signs only; takes time linear in the text.

    >>> is_inert("1 0 1\\n0 1 1"), is_inert("3 + 4*2"), is_inert("f(1)"), is_inert("x = 1"), is_inert("import os")
    (True, True, False, False, False)
    """
    return _PLAIN.fullmatch(text) is not None and _ACTIVE.search(text) is None
