"""Score with many processes on one lake: problems in chunks, each leased by one worker at a time; there is no daemon.

A chunk that is scored has a line in the ledger, so one look-up tells every worker what is left. A worker that dies
stops nothing: its lease ends, and whoever takes the chunk then finds the attempts that it had committed. When no chunk
is left, one worker writes all scores.
"""

import time

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.pipelines.context.results import StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side_ids
from assay.pipelines.runner import score_waves
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.evidence import evidence_for
from assay.pipelines.sampling.shards import ShardConfig, attempts_at, cut_chunks, pause, warn_if_late
from assay.pipelines.stages import pool_stages
from assay.pipelines.stages.score import ScoreStage, build_scorer
from assay.stores.commits.lease import lease

SCORED = "SELECT key FROM stages WHERE stage = 'score' AND key IN (SELECT unnest(?::VARCHAR[]))"


def score_shards(context: RunContext, terms: ShardConfig) -> StageResult:
    """Score chunk after chunk until workers have scored all problems.

    Where the whole pool decides what is attempted next, this is done in waves (`pipelines/runner/score_waves.py`).

    Returns:
        The result; partly where a limit or failures leave some chunks.

    Raises:
        ConfigError: an earlier stage is not done, or the scorer needs evidence that cannot be divided.
        Stopped: the worker was asked to stop; what had arrived is committed and its lease given back.
    """
    inputs = run_stages(context, pool_stages()[-1], only=True)
    stage, part = ScoreStage(context, inputs), build_scorer(context)
    key, problems = stage.key, len(stage.ids)
    apart, needs = bool(getattr(part, "apart", not part.joint)), tuple(getattr(part, "needs", ()))
    if needs and not apart:
        raise ConfigError(
            f"scorer {context.config.score.scorer!r} looks at all problems together; "
            "run `curate score CONFIG` without --worker"
        )
    if result := context.finished("score", key):
        return result
    if apart:
        return _chunks(context, inputs, key, problems, terms)
    return score_waves.score_in_waves(context, inputs, key, problems, terms)


def _chunks(context: RunContext, inputs: StageResults, key: StageKey, problems: int, terms: ShardConfig) -> StageResult:
    chunks, given_up = ShardQueue(context, inputs, key, terms), set[str]()
    while open_chunks := chunks.left():
        if not set(open_chunks) - given_up or context.limit_reached():
            return StageResult("score", key, problems, 0, {"chunks_left": len(open_chunks)}, partly=True)
        chunk = next((name for name in open_chunks if name not in given_up and chunks.take(name)), None)
        if chunk is None:
            pause(context, f"{len(open_chunks)} chunks are held by other workers")
        elif chunk not in chunks.scored:
            given_up.add(chunk)
    return write_scores(context, key, terms)


class ShardQueue:
    """The train side in chunks, each by the key that its line in the ledger has once it is scored."""

    def __init__(self, context: RunContext, inputs: StageResults, key: StageKey, terms: ShardConfig) -> None:
        self.context, self.inputs, self.terms, self.scoring = context, inputs, terms, key.rows
        self.scored = set[str]()
        whole = cut_chunks(context, side_ids(context, inputs, "train"), terms.chunk)
        self.ids = {content_id("chunk", str(key), ids): ids for ids in whole}

    def left(self) -> list[str]:
        """List the chunks without scores in an order of this worker's own, so that two seldom take the same one."""
        self.scored |= {
            row["key"]
            for row in self.context.lake.rows(SCORED, [[name for name in self.ids if name not in self.scored]])
        }
        return sorted(self.ids.keys() - self.scored, key=lambda name: content_id(self.context.run, name))

    def take(self, name: str) -> bool:
        """Score one chunk, unless another worker holds it; return whether this worker had it."""
        with lease(self.context.lake.root, f"score-{name}", limit_s=self.terms.lease_s) as ours:
            if ours and name in self.left():  # another worker may have been faster
                self._score(name)
            return ours

    def _score(self, name: str) -> None:
        began, part, ids = time.monotonic(), build_scorer(self.context), self.ids[name]
        attempts = attempts_at(self.context, self.inputs, ids)
        scores = part.score(ids, evidence_for(self.context, attempts, part, self.scoring))
        if attempts.unfinished:
            return
        seconds = time.monotonic() - began
        self.context.finish(
            StageResult("score", StageKey.of(name), len(ids), len(scores), {"chunk": len(ids)}, seconds)
        )
        self.scored.add(name)
        warn_if_late(self.context, seconds, self.terms)


def write_scores(context: RunContext, key: StageKey, terms: ShardConfig) -> StageResult:
    """Write all scores once the evidence is complete: one worker writes them, the others wait for it."""
    while True:
        with lease(context.lake.root, f"score-{content_id('finish', str(key))}", limit_s=terms.lease_s) as ours:
            if ours or context.finished("score", key):
                return run_stages(context, "score", only=True)[-1]
        pause(context, "another worker writes the scores")
