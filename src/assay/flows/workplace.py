"""What a worker keeps between shards: the plan's lake, its engine and its judge, opened once a thread, process or actor.

A model is therefore loaded once a worker, however many shards it scores.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from assay.core.errors import EngineError, PlanError, Stopped
from assay.flows.work import Call, Logged
from assay.pipelines.job import Job
from assay.pipelines.walk import look, walk
from assay.pipelines.workers import LOOK_S, Chunks, Terms
from assay.stores.lake import Lake

_here = threading.local()
_open: list["Workplace"] = []
_asked: Callable[[], bool] = bool  # whether this process was asked to stop; until it is told how to know, never


class Workplace:
    """One plan opened for scoring, by one worker."""

    def __init__(self, call: Call, run: str) -> None:
        plan = call.read()
        self.call, self.run = call, run
        self.job = Job(plan, Lake(plan.lake, create=False), Logged(plan=plan.name), command="curate run", stop=lambda: _asked())
        self.job.run = run
        walk(self.job, "split", only=True)
        self.chunks = Chunks(self.job, look(self.job, "score")[0].key, Terms(plan.flow.shard, plan.flow.lease_s))

    def score(self, name: str) -> dict[str, Any]:
        """Scores one shard, or waits until another has; what that cost, in numbers.

        Raises:
            EngineError: some of its attempts failed; the rest are stored.
            Stopped: the worker was asked to stop; what had arrived is committed and the lease given back.
            PlanError: the plan no longer has such a shard.
        """
        if name not in self.chunks.ids:
            raise PlanError(f"{self.call.plan}: the plan or its lake has changed since the run began; shard {name} is not of it")
        meter, began = self.job.meter, time.monotonic()
        tokens, samples = meter.tokens, meter.samples
        while not self.chunks.take(name) and name in self.chunks.left():  # another run holds it
            time.sleep(LOOK_S)
            if self.job.stop():
                raise Stopped(f"asked to stop while another run holds shard {name}")
        if name in self.chunks.left() and not self.job.limit_reached():
            raise EngineError(f"some attempts of shard {name} failed; the others are stored")
        spent = {"tokens": meter.tokens - tokens, "samples": meter.samples - samples}
        return {"shard": name, "done": name in self.chunks.scored, **spent, "seconds": time.monotonic() - began}

    def close(self) -> None:
        """Ends engine, judge and lake."""
        self.job.close()
        self.job.lake.close()


def workplace(call: Call, run: str) -> Workplace:
    """This worker's own, opened at its first shard of a run."""
    found: Workplace | None = getattr(_here, "place", None)
    if found is None or (found.call, found.run) != (call, run):
        found = _here.place = Workplace(call, run)
        _open.append(found)
    return found


def listen(asked: Callable[[], bool]) -> None:
    """How the workers of this process find out that they were asked to stop."""
    global _asked
    _asked = asked


def close_all() -> None:
    """Ends what the workers of this process have opened."""
    while _open:
        _open.pop().close()
    _here.__dict__.clear()
