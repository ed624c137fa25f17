"""Whether a function's value is the one that a label expects, by value and type, as JSON tells types apart."""

import math
from typing import Any

from assay.verifiers.jail.wire_format import key_text


def same_value(value: Any, expected: Any) -> bool:
    """Compare a value of builtin types with one read from JSON.

    Numbers compare by value, whether int or float, exactly; NaN is NaN. True and False are no numbers. A tuple is a list, at any depth. A
    key that is no string is its text in JSON. All else (sets, bytes, complex numbers) equals nothing, since JSON cannot hold it.

    Args:
        value: what was returned.
        expected: what the label holds.

    Returns:
        Whether they are the same.
    """
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return type(value) is type(expected) and bool(value == expected)
    if isinstance(expected, (int, float)):
        return type(value) in (int, float) and (value == expected or (_nan(value) and _nan(expected)))
    if isinstance(expected, (list, tuple)):
        return type(value) in (list, tuple) and len(value) == len(expected) and all(map(same_value, value, expected))
    return type(value) is dict and _same_items(value, expected)


def _same_items(value: dict[Any, Any], expected: dict[str, Any]) -> bool:
    texts = {key_text(key): item for key, item in value.items()}
    return (
        len(texts) == len(value)
        and texts.keys() == expected.keys()
        and all(same_value(texts[key], expected[key]) for key in texts)
    )


def _nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
