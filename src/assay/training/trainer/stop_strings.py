"""End completions where a stop string is complete: TRL's generation knows only end tokens."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]


def cut_ids(ids: list[int], stops: Sequence[str], decode: Decode) -> list[int]:
    """Return the shortest prefix whose text holds a stop string, or all ids.

    What lies beyond is neither trained on nor counted.

    >>> cut_ids([104, 105, 46, 33], [".", "?"], lambda ids: bytes(ids).decode())
    [104, 105, 46]
    """
    if not has_stop_string(decode(ids), stops):
        return ids
    lengths = range(1, len(ids) + 1)
    return ids[: lengths[bisect_left(lengths, True, key=lambda length: has_stop_string(decode(ids[:length]), stops))]]


def has_stop_string(text: str, stops: Sequence[str]) -> bool:
    """Return whether the text holds a stop string."""
    return any(stop in text for stop in stops)


def text_before_stop(text: str, stops: Sequence[str]) -> str:
    """Return the text up to its first stop string, without it, as engines with stop strings do.

    >>> text_before_stop("8. Next", [". ", "x"])
    '8'
    """
    ends = [text.find(stop) for stop in stops]
    return text[: min((end for end in ends if end >= 0), default=len(text))]
