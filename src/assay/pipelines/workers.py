"""Scoring by many processes on one lake: problems in chunks, each leased by one worker at a time; no daemon and no list of workers.

A chunk that is scored has a line in the ledger, so one look-up tells every worker what is left. A worker that dies stops nothing: its lease
ends, and whoever takes the chunk then finds the attempts that it had committed. When no chunk is left, one worker writes all scores.
"""

import time

from assay.core.errors import PlanError
from assay.core.identity import content_id
from assay.pipelines import racing
from assay.pipelines.chunks import Terms, attempts_at, cut, pause, warn_if_late
from assay.pipelines.evidence import evidence
from assay.pipelines.job import Job, Outcome
from assay.pipelines.pool import side_ids
from assay.pipelines.score import keyed, scorer
from assay.pipelines.walk import walk
from assay.stores.lease import lease

SCORED = "SELECT key FROM stages WHERE stage = 'score' AND key IN (SELECT unnest(?::VARCHAR[]))"


def work_off(job: Job, terms: Terms) -> Outcome:
    """Scores chunk after chunk until every problem of the plan is scored, by whomever; partly where a limit or failed attempts leave some.

    Where the pool decides who is attempted next, this is done in rounds (`pipelines/racing.py`).

    Raises:
        PlanError: an earlier stage is not done, or the scorer needs evidence that cannot be divided.
        Stopped: the worker was asked to stop; what had arrived is committed and its lease given back.
    """
    walk(job, "split", only=True)
    part = scorer(job)
    key, ids = keyed(job)
    apart, needs = bool(getattr(part, "apart", not part.joint)), tuple(getattr(part, "needs", ()))
    if needs and not apart:
        raise PlanError(f"scorer {job.plan.score.scorer!r} decides over all problems at once; `curate score PLAN` without --worker runs it")
    if done := job.finished("score", key):
        return done
    return _chunks(job, key, len(ids), terms) if apart else racing.work_off(job, key, len(ids), terms)


def _chunks(job: Job, key: str, problems: int, terms: Terms) -> Outcome:
    chunks, given_up = Chunks(job, key, terms), set[str]()
    while left := chunks.left():
        if not set(left) - given_up or job.limit_reached():
            return Outcome("score", key, problems, 0, {"chunks_left": len(left)}, partly=True)
        taken = next((name for name in left if name not in given_up and chunks.take(name)), None)
        if taken is None:
            pause(job, f"{len(left)} chunks are with other workers")
        elif taken not in chunks.scored:
            given_up.add(taken)
    return finish(job, key, terms)


class Chunks:
    """The train side in chunks, by the key under which the ledger knows each one that is scored."""

    def __init__(self, job: Job, key: str, terms: Terms) -> None:
        self.job, self.terms, self.scored, self.scoring = job, terms, set[str](), key.partition("+")[2]
        whole = cut(job, side_ids(job, "train"), terms.chunk)
        self.ids = {content_id("chunk", key, ids): ids for ids in whole}

    def left(self) -> list[str]:
        """The chunks that nobody has scored, in an order of this worker's own, so that two workers seldom reach for the same one."""
        self.scored |= {row["key"] for row in self.job.lake.rows(SCORED, [[name for name in self.ids if name not in self.scored]])}
        return sorted(self.ids.keys() - self.scored, key=lambda name: content_id(self.job.run, name))

    def take(self, name: str) -> bool:
        """Scores one chunk, unless another worker holds it; whether it was ours."""
        with lease(self.job.lake.root, f"score-{name}", limit_s=self.terms.lease_s) as ours:
            if ours and name in self.left():  # it may have been scored between our look and our lease
                self._score(name)
            return ours

    def _score(self, name: str) -> None:
        began, part, ids = time.monotonic(), scorer(self.job), self.ids[name]
        attempts = attempts_at(self.job, ids)
        scored = part.score(ids, evidence(self.job, attempts, part, self.scoring))
        if attempts.unfinished:
            return
        seconds = time.monotonic() - began
        self.job.finish(Outcome("score", name, len(ids), len(scored), {"chunk": len(ids)}, seconds))
        self.scored.add(name)
        warn_if_late(self.job, seconds, self.terms)


def finish(job: Job, key: str, terms: Terms) -> Outcome:
    """All scores, from evidence that is all there: written by one worker, awaited by the others."""
    while True:
        with lease(job.lake.root, f"score-{content_id('finish', key)}", limit_s=terms.lease_s) as ours:
            if ours or job.finished("score", key):
                return walk(job, "score", only=True)[-1]
        pause(job, "another worker writes the scores")
