"""Samples that arrive in any order, given back request by request."""

from collections.abc import Iterator, Sequence

from assay.core.errors import EngineError
from assay.core.types import Request, Rollout, rollout_id


def in_order(requests: Sequence[Request], arriving: Iterator[tuple[Rollout, ...]], *, revision: str) -> Iterator[tuple[Rollout, ...]]:
    """One tuple a request, in order, as soon as it is complete; later ones wait for it in memory.

    Raises:
        EngineError: the arrivals end before a request is complete.
    """
    found: dict[str, list[Rollout]] = {}
    for request in requests:
        keys = [rollout_id(request.problem_id, revision, request.sampler.id, sample) for sample in request.samples]
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
