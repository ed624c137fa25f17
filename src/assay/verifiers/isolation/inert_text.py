"""Text that could not act even if somebody evaluated it: no call, no subscript, no quotation, no assignment, no import."""

import re

_PLAIN = re.compile(r"[^\W_]*(?:[\s.,;:+\-*/^%$|<>?#°×÷−→_]+[^\W_]*)*")  # letters and digits of any script, and these
_ACTS = re.compile(
    r"__|\b(?:import|from|del|for|with|as|class|def|lambda|global|nonlocal|async|await|match|try|exec|eval|print)\b",
    re.IGNORECASE,
)


def inert(text: str) -> bool:
    """Whether a text is numbers, words and a few signs alone; linear in the text.

    >>> inert("1 0 1\\n0 1 1"), inert("3 + 4*2"), inert("f(1)"), inert("x = 1"), inert("import os")
    (True, True, False, False, False)
    """
    return _PLAIN.fullmatch(text) is not None and _ACTS.search(text) is None
