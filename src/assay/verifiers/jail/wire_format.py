"""Encode plain data as bytes for processes that do not trust each other. Standard library only; nothing is evaluated.

Null, booleans, strings, floats and small integers are themselves in JSON; everything else is a list whose first item is
a tag. A value of a subclass travels as its builtin base class, so that none of the sender's operators are left in it.
Anything else travels as a reference, if at all.
"""

import json
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_DEPTH = 200  # of nested values
SMALL = 1 << 53  # integers below it are JSON's own; larger ones are hexadecimal, which has no limit of digits
SEQUENCES: tuple[tuple[str, type], ...] = (("l", list), ("t", tuple), ("s", set), ("z", frozenset), ("q", deque))
Refer = Callable[[Any], list[Any]]  # value -> a tagged reference
Resolve = Callable[[list[Any]], Any]  # and back


def dump(value: Any, refer: Refer | None = None) -> bytes:
    """Encode a value.

    Args:
        value: Plain data: None, bool, int, float, complex, str, bytes, range, list, tuple, set, frozenset, deque,
            dict, Decimal, Fraction, nested at most 200 deep.
        refer: Makes a tagged reference of a value that is not plain data.

    Returns:
        ASCII bytes.

    Raises:
        ValueError: The value is not plain data, or is nested too deep.
    """
    return json.dumps(_pack(value, refer or _refuse, 0), separators=(",", ":")).encode("ascii")


def load(data: bytes, resolve: Resolve | None = None) -> Any:
    """Decode what `dump` has written; data of any other form is refused.

    Args:
        data: Bytes that nobody vouches for.
        resolve: Makes a value of a tagged reference.

    Returns:
        The value, built of builtin types only.

    Raises:
        ValueError: The data are not of the form that `dump` writes.
    """
    try:
        return _unpack(json.loads(data), resolve or _refuse_tag, 0)
    except (RecursionError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"not plain data: {type(error).__name__}") from None


def load_json(data: bytes, resolve: Resolve) -> Any:
    """Decode what `dump` has written as far as JSON could hold it.

    That is texts, numbers, lists (tuples become lists), and objects by the text of their keys. Takes time in proportion
    to the data, whoever wrote them: no number is reduced, and nothing but text is hashed.

    Args:
        data: Bytes that nobody vouches for.
        resolve: Makes a value of anything else, in its tagged form.

    Returns:
        The value, as `json.loads` would give it.

    Raises:
        ValueError: The data are not of the form that `dump` writes.
    """
    try:
        return _unpack_json(json.loads(data), resolve, 0)
    except (RecursionError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"not plain data: {type(error).__name__}") from None


def key_text(key: Any) -> Any:
    """A key as JSON writes it.

    >>> [key_text(True), key_text(None), key_text(3), key_text("a")]
    ['true', 'null', '3', 'a']
    """
    words = {None: "null", True: "true", False: "false"}
    if key is None or isinstance(key, bool):
        return words[key]
    return (
        hex(key) if isinstance(key, int) and abs(key) >= 1 << 64 else str(key) if isinstance(key, (int, float)) else key
    )


def _unpack_json(data: Any, resolve: Resolve, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if not isinstance(data, list):
        if isinstance(data, dict):
            raise ValueError("not plain data: an object")
        return data
    tag, items = data[0], data[1:]
    if tag in ("l", "t"):
        return [_unpack_json(item, resolve, depth + 1) for item in items]
    if tag == "i":
        return int(items[0], 16)
    if tag != "d":
        return resolve(data)
    pairs = [
        (key_text(_unpack_json(key, resolve, depth + 1)), _unpack_json(item, resolve, depth + 1)) for key, item in items
    ]
    if not all(isinstance(key, str) for key, _ in pairs) or len({key for key, _ in pairs}) < len(pairs):
        return resolve(data)
    return dict(pairs)


def _pack(value: Any, refer: Refer, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if value is None or value is True or value is False:
        return value
    for base, pack in SCALARS:
        if isinstance(value, base):
            return pack(value)
    for tag, base in SEQUENCES:
        if isinstance(value, base):
            items = base.__iter__(value)  # type: ignore[attr-defined]  # not the sender's own iterator
            return [tag, *(_pack(item, refer, depth + 1) for item in items)]
    if isinstance(value, dict):
        return [
            "d",
            *([_pack(key, refer, depth + 1), _pack(item, refer, depth + 1)] for key, item in dict.items(value)),
        ]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _pack(value.tolist(), refer, depth + 1)
    return refer(value)


def _pack_integer(value: int) -> Any:
    exact = int.__int__(value)
    return exact if -SMALL < exact < SMALL else ["i", hex(exact)]


SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, _pack_integer),
    (float, float.__float__),
    (complex, lambda value: ["c", value.real, value.imag]),
    ((bytes, bytearray), lambda value: ["b", bytes(value).hex()]),
    (range, lambda value: ["g", value.start, value.stop, value.step]),
    (Decimal, lambda value: ["D", Decimal.__str__(value)]),
    (Fraction, lambda value: ["F", hex(value.numerator), hex(value.denominator)]),
)


def _unpack(data: Any, resolve: Resolve, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if not isinstance(data, list):
        if isinstance(data, dict):
            raise ValueError("not plain data: an object")
        return data
    tag, items = data[0], data[1:]
    for name, base in SEQUENCES:
        if tag == name:
            return base(_unpack(item, resolve, depth + 1) for item in items)
    if tag == "d":
        return {_unpack(key, resolve, depth + 1): _unpack(item, resolve, depth + 1) for key, item in items}
    return READERS[tag](*items) if tag in READERS else resolve(data)


READERS: dict[str, Callable[..., Any]] = {
    "i": lambda text: int(text, 16),
    "c": lambda real, imaginary: complex(float(real), float(imaginary)),
    "b": lambda text: bytes.fromhex(text),
    "g": lambda start, stop, step: range(int(start), int(stop), int(step)),
    "D": lambda text: Decimal(str(text)),
    "F": lambda above, below: Fraction(int(above, 16), int(below, 16)),
}


def _refuse(value: Any) -> list[Any]:
    raise ValueError(f"{type(value).__name__} is not plain data")


def _refuse_tag(data: list[Any]) -> Any:
    raise ValueError(f"not plain data: tag {str(data[0])[:20]!r}")
