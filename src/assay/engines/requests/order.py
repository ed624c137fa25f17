"""Put samples that arrive in any order back into the order of their requests."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from assay.core.errors import EngineError
from assay.core.types import Request, Rollout

Item = TypeVar("Item")

UNSEEDED = -1
Key = tuple[str, int]  # rollout id, seed


def collect_in_order(
    requests: Sequence[Request], arriving: Iterator[tuple[Rollout, ...]], *, revision: str
) -> Iterator[tuple[Rollout, ...]]:
    """Yield one tuple per request, in order, as soon as it is complete; later ones wait for it in memory.

    Two requests may ask for the same sample, as strangers at one address do: each gets the one drawn with its own seed.

    Raises:
        EngineError: the arrivals end before a request is complete.
    """
    found: dict[Key, list[Rollout]] = {}
    for request in requests:
        keys = [(request.key(revision, sample), request.seed_of(sample)) for sample in request.samples]
        while missing := [key for key in keys if key not in found and (key[0], UNSEEDED) not in found]:
            arrived = next(arriving, None)
            if arrived is None:
                raise EngineError(f"problem {request.problem_id}: {len(missing)} of {len(keys)} samples never came")
            for rollout in arrived:
                found.setdefault((rollout.id, rollout.seed), []).append(rollout)
        yield tuple(_pop_oldest(found, key if key in found else (key[0], UNSEEDED)) for key in keys)


def _pop_oldest(found: dict[Key, list[Rollout]], key: Key) -> Rollout:
    """The oldest of that key."""
    first, *rest = found.pop(key)
    if rest:
        found[key] = rest
    return first


def take_ready(given: Iterator[Item | None], most: int) -> tuple[list[Item], bool]:
    """Take up to `most` items before the first None, which means "none yet"; and whether the iterator has ended.

    >>> take_ready(iter([1, 2, None, 3]), 5), take_ready(iter([1]), 5), take_ready(iter([1, 2]), 1)
    (([1, 2], False), ([1], True), ([1], False))
    """
    taken: list[Item] = []
    for each in islice(given, most):
        if each is None:
            return taken, False
        taken.append(each)
    return taken, len(taken) < most
