"""Samples that arrive in any order, given back request by request; and requests that come only once others are answered."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from assay.core.errors import EngineError
from assay.core.types import Request, Rollout

Given = TypeVar("Given")


def in_order(requests: Sequence[Request], arriving: Iterator[tuple[Rollout, ...]], *, revision: str) -> Iterator[tuple[Rollout, ...]]:
    """One tuple a request, in order, as soon as it is complete; later ones wait for it in memory.

    Raises:
        EngineError: the arrivals end before a request is complete.
    """
    found: dict[str, list[Rollout]] = {}
    for request in requests:
        keys = [request.key(revision, sample) for sample in request.samples]
        while missing := [key for key in keys if key not in found]:
            arrived = next(arriving, None)
            if arrived is None:
                raise EngineError(f"problem {request.problem_id}: {len(missing)} of {len(keys)} samples never came")
            for rollout in arrived:
                found.setdefault(rollout.id, []).append(rollout)
        yield tuple(_taken(found, key) for key in keys)


def _taken(found: dict[str, list[Rollout]], key: str) -> Rollout:
    """The oldest of that id, which two requests may share."""
    first, *rest = found.pop(key)
    if rest:
        found[key] = rest
    return first


def ready(given: Iterator[Given | None], most: int) -> tuple[list[Given], bool]:
    """Up to `most` of what is given before the first None, which says "none yet"; and whether there will be no more.

    >>> ready(iter([1, 2, None, 3]), 5), ready(iter([1]), 5), ready(iter([1, 2]), 1)
    (([1, 2], False), ([1], True), ([1], False))
    """
    taken: list[Given] = []
    for each in islice(given, most):
        if each is None:
            return taken, False
        taken.append(each)
    return taken, len(taken) < most
