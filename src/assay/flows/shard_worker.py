"""What a worker keeps between shards: lake, engine, judge and encoder, opened once per thread, process or actor.

A model is therefore loaded once per worker, however many shards it scores or encodes.
"""

import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from assay.core.errors import ConfigError, EngineError, Stopped
from assay.flows.run_context import FlowCall, PrefectReporter
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.encode_shards import EncodingShards
from assay.pipelines.runner.score_workers import ShardQueue
from assay.pipelines.runner.stages import plan_stage, run_stages
from assay.pipelines.sampling.shards import LOOK_S, ShardConfig
from assay.pipelines.stages import pool_stages
from assay.stores.lake import Lake

_here = threading.local()
_open: list["ShardWorker"] = []
_stop_requested: Callable[[], bool] = bool  # whether this process was asked to stop; never, until `listen` is called


class ShardWorker:
    """One config opened for scoring and encoding, by one worker."""

    def __init__(self, call: FlowCall, run: str) -> None:
        config = call.read()
        self.call, self.run = call, run
        self.context = RunContext(
            config,
            Lake(config.lake, create=False),
            PrefectReporter(config=config.name),
            command="curate run",
            stop=lambda: _stop_requested(),
        )
        self.context.run = run
        self.inputs = run_stages(self.context, pool_stages()[-1], only=True)

    @cached_property
    def chunks(self) -> ShardQueue:
        """The shards of scoring."""
        flow, key = self.context.config.flow, plan_stage(self.context, "score", self.inputs)[0].key
        return ShardQueue(self.context, self.inputs, key, ShardConfig(flow.problems_per_shard, flow.lease_s))

    @cached_property
    def encoding(self) -> EncodingShards:
        """The shards of the embed stage's texts."""
        return EncodingShards(self.context, self.inputs)

    def score(self, name: str) -> dict[str, Any]:
        """Score one shard, or wait until another worker has; return what that cost, in numbers.

        Raises:
            EngineError: some of its attempts failed; the rest are stored.
            Stopped: the worker was asked to stop; what had arrived is committed and the lease given back.
            ConfigError: the config no longer has such a shard.
        """
        if name not in self.chunks.ids:
            raise ConfigError(
                f"{self.call.config}: the config or its lake has changed since the run began, and shard {name} no "
                "longer belongs to it; start the run again"
            )
        meter, started_s = self.context.meter, time.monotonic()
        tokens, samples = meter.tokens, meter.samples
        while not self.chunks.take(name) and name in self.chunks.left():  # another run holds it
            time.sleep(LOOK_S)
            if self.context.stop():
                raise Stopped(f"stopped on request while another run holds shard {name}")
        if name in self.chunks.left() and not self.context.limit_reached():
            raise EngineError(f"some attempts of shard {name} failed; the others are stored")
        costs = {"tokens": meter.tokens - tokens, "samples": meter.samples - samples}
        return {"shard": name, "done": name in self.chunks.scored, **costs, "seconds": time.monotonic() - started_s}

    def encode(self, name: str) -> dict[str, Any]:
        """Encode one shard of texts; return what that cost, in numbers.

        Raises:
            ConfigError: there is no such shard any more.
            Stopped: the worker was asked to stop; what was encoded is committed.
        """
        started_s = time.monotonic()
        texts = self.encoding.encode(name)
        costs = {"tokens": 0, "samples": 0, "texts": texts}
        return {"shard": name, "done": True, **costs, "seconds": time.monotonic() - started_s}

    def close(self) -> None:
        """Close engine, judge and lake."""
        self.context.close()
        self.context.lake.close()


def shard_worker(call: FlowCall, run: str) -> ShardWorker:
    """Return the worker of this thread, opened at its first shard of a run."""
    worker: ShardWorker | None = getattr(_here, "place", None)
    if worker is None or (worker.call, worker.run) != (call, run):
        worker = _here.place = ShardWorker(call, run)
        _open.append(worker)
    return worker


def listen(stop_requested: Callable[[], bool]) -> None:
    """Set how the workers of this process find out that they were asked to stop."""
    global _stop_requested
    _stop_requested = stop_requested


def close_all() -> None:
    """Close what the workers of this process have opened."""
    while _open:
        _open.pop().close()
    _here.__dict__.clear()
