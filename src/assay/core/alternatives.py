"""One gold answer's text for several answers, of which any one is right."""

import json
from collections.abc import Sequence

from assay.core.identity import canonical

ANY_OF = '{"any_of":'  # begins the text


def any_of(answers: Sequence[str]) -> str:
    """One gold answer's text that stands for several, of which any one is right.

    >>> any_of(["2", "two"])
    '{"any_of":["2","two"]}'
    """
    return canonical({"any_of": list(answers)})


def alternatives(answer: str) -> tuple[str, ...]:
    """The answers that a gold answer's text stands for.

    >>> alternatives(any_of(["2", "two"])), alternatives("[1, 2]")
    (('2', 'two'), ('[1, 2]',))
    """
    if not answer.startswith(ANY_OF):
        return (answer,)
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        return (answer,)
    found = (
        tuple(each for each in read["any_of"] if isinstance(each, str))
        if isinstance(read.get("any_of"), list) and len(read) == 1
        else ()
    )
    return found or (answer,)
