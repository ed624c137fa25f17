"""Read the answers that one gold answer allows."""

import json
from functools import lru_cache

from assay.verifiers.answers.extraction import find_final_answer


@lru_cache(4096)
def read_alternatives(gold: str) -> tuple[str, ...]:
    """Return the answers that a gold answer allows.

    A JSON list of texts holds several answers; an object with one value, or a worked solution, holds one.

    >>> read_alternatives('["4", "four"]'), read_alternatives('{"answer": "4"}')
    (('4', 'four'), ('4',))
    >>> read_alternatives("so 8 * 9 = 72\\n#### 72"), read_alternatives("[1, 2]")
    (('72',), ('[1, 2]',))
    """
    bare = gold.strip()
    if bare.startswith(("[", "{")) and '"' in bare:
        try:
            data = json.loads(bare)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict) and len(data) == 1:
            data = list(data.values())
        if isinstance(data, list) and data and all(isinstance(item, (str, int, float)) for item in data):
            return tuple(str(item) for item in data)
    if "####" in bare:
        return (bare.rpartition("####")[2].strip(),)
    if "boxed" in bare and (answer := find_final_answer(bare)) and answer.how == "boxed":
        return (answer.text,)
    return (gold,)
