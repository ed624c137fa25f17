"""Completions end where a stop string is complete; TRL's generation knows only end tokens."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]


def cut_ids(ids: list[int], stops: Sequence[str], decode: Decode) -> list[int]:
    """The shortest prefix whose text holds a stop string, or all ids; what lies beyond is neither trained on nor counted.

    >>> cut_ids([104, 105, 46, 33], [".", "?"], lambda ids: bytes(ids).decode())
    [104, 105, 46]
    """
    if not stopped(decode(ids), stops):
        return ids
    lengths = range(1, len(ids) + 1)
    return ids[: lengths[bisect_left(lengths, True, key=lambda length: stopped(decode(ids[:length]), stops))]]


def stopped(text: str, stops: Sequence[str]) -> bool:
    """Whether the text holds a stop string."""
    return any(stop in text for stop in stops)


def before(text: str, stops: Sequence[str]) -> str:
    """The text up to its first stop string, which is left out, as engines that know stop strings do.

    >>> before("8. Next", [". ", "x"])
    '8'
    """
    ends = [text.find(stop) for stop in stops]
    return text[: min((end for end in ends if end >= 0), default=len(text))]
