"""Cut a text at its first stop string."""

from collections.abc import Sequence


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, str]:
    """Return the text before the first stop string in it, and that string; the whole text and "" where there is none.

    Of two that begin at the same place the longer one counts.

    >>> cut_at_stop("one; two. three", (".", ";"))
    ('one', ';')
    >>> cut_at_stop("one", (".",))
    ('one', '')
    """
    matches = [(text.find(stop), -len(stop), stop) for stop in stops if stop and stop in text]
    if not matches:
        return text, ""
    place, _, stop = min(matches)
    return text[:place], stop
