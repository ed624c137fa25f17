"""Compare a function's value with the one that a label expects, by value and type, as JSON tells types apart."""

import math
from typing import Any

from assay.verifiers.jail.wire_format import key_text


def equals_expected(value: Any, expected: Any) -> bool:
    """Return whether a value of builtin types equals one that was read from JSON.

    Numbers compare exactly by value, int or float alike; NaN equals NaN. True and False are not numbers. A tuple counts
    as a list, at any depth. A key that is not a string counts as its text in JSON. Everything else (sets, bytes,
    complex numbers) equals nothing, since JSON cannot hold it.

    Args:
        value: What the program returned.
        expected: What the label holds.
    """
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return type(value) is type(expected) and bool(value == expected)
    if isinstance(expected, (int, float)):
        return type(value) in (int, float) and (value == expected or (_is_nan(value) and _is_nan(expected)))
    if isinstance(expected, (list, tuple)):
        return (
            type(value) in (list, tuple) and len(value) == len(expected) and all(map(equals_expected, value, expected))
        )
    return type(value) is dict and _equal_items(value, expected)


def _equal_items(value: dict[Any, Any], expected: dict[str, Any]) -> bool:
    texts = {key_text(key): item for key, item in value.items()}
    return (
        len(texts) == len(value)  # two keys may have the same text
        and texts.keys() == expected.keys()
        and all(equals_expected(texts[key], expected[key]) for key in texts)
    )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
