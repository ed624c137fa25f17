"""Samples that arrive in any order, given back request by request."""

from collections.abc import Iterator, Sequence

from assay.core.errors import EngineError
from assay.core.types import Request, Rollout, rollout_id

UNSEEDED = -1
Key = tuple[str, int]  # rollout id, seed


def in_order(requests: Sequence[Request], arriving: Iterator[tuple[Rollout, ...]], *, revision: str) -> Iterator[tuple[Rollout, ...]]:
    """One tuple a request, in order, as soon as it is complete; later ones wait for it in memory.

    Two requests may ask for the same sample, as strangers at one address do: each gets the one drawn with its own seed.

    Raises:
        EngineError: the arrivals end before a request is complete.
    """
    found: dict[Key, list[Rollout]] = {}
    for request in requests:
        keys = [(rollout_id(request.problem_id, revision, request.sampler.id, sample), request.seed_of(sample)) for sample in request.samples]
        while missing := [key for key in keys if key not in found and (key[0], UNSEEDED) not in found]:
            arrived = next(arriving, None)
            if arrived is None:
                raise EngineError(f"problem {request.problem_id}: {len(missing)} of {len(keys)} samples never came")
            for rollout in arrived:
                found.setdefault((rollout.id, rollout.seed), []).append(rollout)
        yield tuple(_taken(found, key if key in found else (key[0], UNSEEDED)) for key in keys)


def _taken(found: dict[Key, list[Rollout]], key: Key) -> Rollout:
    """The oldest of that key."""
    first, *rest = found.pop(key)
    if rest:
        found[key] = rest
    return first
