"""Shards of one pool for many processes: how it is cut, how long a lease lasts, and how one waits for another."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from assay.core.errors import ConfigError, Stopped
from assay.core.identity import content_id
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import some_of_side
from assay.pipelines.sampling.attempts import StoredRollouts

LOOK_S = 0.5  # seconds between two looks for a chunk that others hold


@dataclass(frozen=True, slots=True)
class ShardConfig:
    """How a worker takes work."""

    chunk: int = 64  # problems per lease
    lease_s: float = 900.0  # after this another may take the chunk; below what a chunk needs, chunks are paid for twice

    def __post_init__(self) -> None:
        if self.chunk < 1 or self.lease_s <= 0:
            raise ConfigError(f"a chunk of {self.chunk} problems for {self.lease_s} s: both must be above 0")


def cut_chunks(context: RunContext, ids: Collection[str], size: int) -> list[list[str]]:
    """Cut ids into chunks of at most `size`, each ascending.

    The order of the chunks is independent of difficulty, and the same in every process of the config.
    """
    order = sorted(ids, key=lambda id_: content_id("order", context.config.seed, id_))
    return [sorted(order[start : start + size]) for start in range(0, len(order), size)]


def attempts_at(context: RunContext, inputs: StageResults, ids: Sequence[str]) -> StoredRollouts:
    """Read what is stored of a chunk's attempts by now; nothing else of the pool is held in memory.

    The caller must hold the chunk's lease: nobody else adds attempts then, unless the lease has run out, and what is
    committed after that is checked for duplicates.
    """
    context.lake.mark_known()
    return StoredRollouts(context, *some_of_side(context, inputs, "train", ids))


def pause(context: RunContext, why: str = "") -> None:
    """Wait a little for other processes, and say once why, where a reason is given.

    Raises:
        Stopped: the run was asked to stop.
    """
    if why and why not in context.warned:
        context.warned.add(why)
        context.reporter.say(f"{why}; waiting")
    time.sleep(LOOK_S)
    if context.stop():
        raise Stopped("stopped on request while waiting; this worker held nothing")


def warn_if_late(context: RunContext, seconds: float, terms: ShardConfig) -> None:
    """Warn where a chunk took longer than its lease lasts."""
    if seconds > terms.lease_s:
        context.reporter.warn(
            f"a chunk took {seconds:.0f} s, but its lease ended after {terms.lease_s:.0f} s: "
            "another worker may have paid for it too"
        )
