"""Write several gold answers, any one of which is right, as one gold answer's text, and read them back."""

import json
from collections.abc import Sequence

from assay.core.identity import canonical_json

ANY_OF = '{"any_of":'  # the text begins with it


def join_answers(answers: Sequence[str]) -> str:
    """Return one gold answer's text that stands for several answers, any one of which is right.

    >>> join_answers(["2", "two"])
    '{"any_of":["2","two"]}'
    """
    return canonical_json({"any_of": list(answers)})


def split_answers(answer: str) -> tuple[str, ...]:
    """Return the answers for which a gold answer's text stands.

    >>> split_answers(join_answers(["2", "two"])), split_answers("[1, 2]")
    (('2', 'two'), ('[1, 2]',))
    """
    if not answer.startswith(ANY_OF):
        return (answer,)
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return (answer,)
    if len(value) != 1 or not isinstance(value.get("any_of"), list):
        return (answer,)
    return tuple(text for text in value["any_of"] if isinstance(text, str)) or (answer,)
