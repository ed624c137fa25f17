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
    """Yield one tuple per request, in order, as soon as it is complete; later requests wait for it in memory.

    Two requests may ask for the same sample, as two clients at one address do: each gets the one drawn with its own
    seed.

    Raises:
        EngineError: the samples end before a request is complete.
    """
    waiting: dict[Key, list[Rollout]] = {}  # arrived, not yet yielded
    for request in requests:
        keys = [(request.key(revision, sample), request.seed_of(sample)) for sample in request.samples]
        while missing := [key for key in keys if key not in waiting and (key[0], UNSEEDED) not in waiting]:
            arrived = next(arriving, None)
            if arrived is None:
                raise EngineError(f"problem {request.problem_id}: {len(missing)} of {len(keys)} samples never arrived")
            for rollout in arrived:
                waiting.setdefault((rollout.id, rollout.seed), []).append(rollout)
        yield tuple(_pop_oldest(waiting, key if key in waiting else (key[0], UNSEEDED)) for key in keys)


def _pop_oldest(waiting: dict[Key, list[Rollout]], key: Key) -> Rollout:
    """Remove and return the oldest rollout of a key."""
    first, *rest = waiting.pop(key)
    if rest:
        waiting[key] = rest
    return first


def take_ready(items: Iterator[Item | None], max_items: int) -> tuple[list[Item], bool]:
    """Take up to `max_items` items before the first None, which means "none yet"; also return whether it has ended.

    >>> take_ready(iter([1, 2, None, 3]), 5), take_ready(iter([1]), 5), take_ready(iter([1, 2]), 1)
    (([1, 2], False), ([1], True), ([1], False))
    """
    ready: list[Item] = []
    for item in islice(items, max_items):
        if item is None:
            return ready, False
        ready.append(item)
    return ready, len(ready) < max_items
