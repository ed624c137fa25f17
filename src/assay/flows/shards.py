"""Score and encode in tasks, one per shard of the training problems; any shard may be repeated, and is paid for once.

A shard whose worker was lost goes to another; one whose engine failed is tried again after a pause; neither stops the
others. A scorer that decides over all problems at once is one task.
"""

import multiprocessing
import queue
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import Any

from assay.core.errors import EngineError, Stopped
from assay.flows import shard_worker
from assay.flows.prefect_adapter import as_flow, as_task
from assay.flows.run_context import FlowCall, FlowRun, current_run, keep_sigterm
from assay.flows.runners import WorkerPool
from assay.pipelines.runner.encode_shards import EncodingShards
from assay.pipelines.runner.score_workers import ShardQueue, write_scores
from assay.pipelines.runner.stages import plan_stage, run_next_stage
from assay.pipelines.sampling.shards import ShardConfig
from assay.pipelines.stages.score import build_scorer

POLL_S = 0.5  # between two checks whether the run was asked to stop
GRACE_S = 15.0  # from the request to stop until workers are ended
LOSSES = 3  # of workers, before a shard is given up


def score(run: FlowRun) -> None:
    """Score all problems once every shard is done; where shards are missing, those that have evidence."""
    context = run.context
    stage, finished_result = plan_stage(context, "score", run.results, prepare=True)
    if finished_result:
        run.results = run.results.plus(finished_result)
        return
    terms = ShardConfig(context.config.flow.problems_per_shard, context.config.flow.lease_s)
    if not getattr(part := build_scorer(context), "apart", not part.joint):
        context.reporter.say(
            f"score: {context.config.score.scorer!r} looks at all problems together, so scoring is one task"
        )
        as_task(_score_at_once, "score", context.config.flow)("score")
        return
    board = ShardBoard(run, ShardQueue(context, run.results, stage.key, terms).left())
    board.clear()
    halted = bool(context.limit_reached())  # a halted run whose meter counts samples would draw one problem more
    context.meter.samples += 0 if halted else board.samples
    result = write_scores(context, stage.key, terms)
    context.meter.samples += board.samples if halted else 0
    run.results = run.results.plus(result)


def encode(run: FlowRun) -> None:
    """Encode the texts of the embed stage in shards, on runners whose workers have processes of their own.

    Shards that fail are left to the stage, which encodes what has no vector yet.
    """
    config = run.context.config.flow
    if config.runner == "threads" or (config.runner == "processes" and config.workers == 1):
        return  # one process already uses all cores
    if plan_stage(run.context, "embed", run.results)[1]:
        return
    if names := EncodingShards(run.context, run.results).left(config.workers):
        ShardBoard(run, names, "embed").clear()


def _score_at_once(name: str) -> str:
    run = current_run()
    result = run_next_stage(run.context, name, run.results)
    run.results = run.results.plus(result)
    return str(result.key)


def score_shard(config: str, lake: str | None, overrides: list[str], run: str, shard: str) -> dict[str, Any]:
    """Score one shard in the worker that executes this; its rows belong to the run."""
    return shard_worker.shard_worker(FlowCall(config, lake, tuple(overrides)), run).score(shard)


def encode_shard(config: str, lake: str | None, overrides: list[str], run: str, shard: str) -> dict[str, Any]:
    """Encode one shard in the worker that executes this; its rows belong to the run."""
    return shard_worker.shard_worker(FlowCall(config, lake, tuple(overrides)), run).encode(shard)


TASKS = {"score": score_shard, "embed": encode_shard}  # by stage


class ShardBoard:
    """The shards of a stage: those that are left, under way, lost with their worker, and given up."""

    def __init__(self, run: FlowRun, shards: Sequence[str], stage: str = "score") -> None:
        self.run, self.stage, self.config = run, stage, run.context.config.flow
        self.left = deque(shards)
        self.total = len(self.left)
        self.in_flight: dict[Any, str] = {}  # future -> shard
        self.lost = Counter[str]()  # times that a shard went down with its worker
        self.failed: dict[str, str] = {}  # shard -> why it is missing
        self.error: BaseException | None = None  # the first that no retry cures
        self.samples = 0
        self.asked_s = 0.0  # when the workers were asked to stop

    def clear(self) -> None:
        """Run every shard until it is done, or counted as missing.

        Raises:
            Stopped: the run was asked to stop; what had arrived is committed.
        """
        context = self.run.context
        with context.reporter.track("shards", self.total) as bar:
            self.bar = bar
            while self.left:
                self._run_pool()
        if self.asked_s:
            raise Stopped("stopped on request; finished shards, and what arrived of the others, are in the lake")
        if self.error is not None:
            raise self.error
        if self.failed:
            first = next(iter(self.failed.values()))
            failed = f"{len(self.failed)} of {self.total} shards of {self.stage} failed"
            if self.stage == "embed":
                context.reporter.warn(f"{failed}, the first: {first}; the stage encodes their texts itself")
                return
            context.halted = failed
            self.run.missing.append(f"{failed}, the first: {first}")

    def _run_pool(self) -> None:
        """Run one pool of workers, until nothing is left or a lost worker has broken it."""
        self.pool = WorkerPool(self.config)
        self.run.board = self
        try:
            flow(self.stage).with_options(task_runner=self.pool.runner)(**self.run.call.parameters)
        finally:
            self.pool.close()
            self.left.extend(self.in_flight.values())
            self.in_flight.clear()

    def work_off(self) -> None:
        """Keep every worker busy, with one shard waiting for each; called by the flow that submits the tasks."""
        task = as_task(TASKS[self.stage], f"{self.stage} {{shard}}", self.config)
        results = queue.SimpleQueue[Any]()
        while self.left or self.in_flight:
            while self.left and len(self.in_flight) < 2 * self.config.workers:
                shard = self.left.popleft()
                future = task.submit(**self.run.call.parameters, run=self.run.context.run, shard=shard)
                self.in_flight[future] = shard
                future.add_done_callback(results.put)
            try:
                future = results.get(timeout=POLL_S)
            except queue.Empty:
                self._check_stop()
                continue
            if not self._settle(self.in_flight.pop(future), future):
                return
            self._check_stop()

    def _settle(self, shard: str, future: Any) -> bool:
        """Record what became of a shard; return False where its pool can do no more."""
        try:
            future.wait()
            if future.state.is_crashed():
                self._lose(shard, future.state.message)
                return True
            result = future.result()
        except BrokenProcessPool as error:
            self._lose(shard, str(error))
            return False
        except Stopped:
            self._check_stop()
        except EngineError as error:
            self.failed[shard] = str(error)
        except Exception as error:  # noqa: BLE001  # it is raised when the other shards are done
            self.error = self.error or error
        else:
            self.samples += result["samples"]
            self.run.context.meter.tokens += result["tokens"]
            self.bar.advance(1, note=f"{self.run.context.meter.tokens} tokens")
        return True

    def _lose(self, shard: str, reason: str) -> None:
        self.lost[shard] += 1
        self.run.context.reporter.warn(
            f"the worker of shard {shard} was lost ({reason}); "
            + ("given up" if self.lost[shard] >= LOSSES else "again")
        )
        if self.lost[shard] < LOSSES:
            self.left.append(shard)
        else:
            self.failed[shard] = f"shard {shard}: {LOSSES} workers were lost with it ({reason})"

    def _check_stop(self) -> None:
        """Leave what has not begun after a stop or a limit, and end workers whose engine does not return in time."""
        context = self.run.context
        if context.stop() or self.error or context.limit_reached():
            self.left.clear()
        if not context.stop():
            return
        if not self.asked_s:
            self.asked_s = time.monotonic()
            self.pool.stop()
        elif time.monotonic() - self.asked_s > GRACE_S:
            for child in multiprocessing.active_children():
                child.terminate()


@cache
def flow(stage: str) -> Any:
    """Return the flow inside which the shards of a stage are tasks; its task runner is the config's."""
    return as_flow(_work_off, stage)


def _work_off(config: str, lake: str | None, overrides: list[str]) -> None:
    with keep_sigterm(current_run()):
        current_run().board.work_off()
